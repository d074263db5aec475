package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Powers of a symmetric positive semidefinite matrix {@code U·diag(λ)·Uᵀ}, by its eigenvalues. Lives within one scope.
 *
 * @param root {@code S^{½}}, float64 {@code (r, r)}
 * @param inverseRoot {@code S^{-½}} on the directions with {@code λ > tolerance·λmax}, zero on the others
 */
record SymmetricPowers(Tensor root, Tensor inverseRoot) {
    static SymmetricPowers of(Tensor s, double tolerance) {
        Eigen eigen = Eigen.of(s);
        Tensor values = eigen.values().clamp_min(new Scalar(0.0));
        Tensor vectors = eigen.vectors();
        Tensor floor = values.select(0, values.size(0) - 1).mul(new Scalar(tolerance));
        Tensor kept = values.gt(floor).to(values.scalar_type());
        // max(λ, smallest positive number): 0·∞ would be no number
        Tensor inverse = values.clamp_min(new Scalar(Double.MIN_NORMAL)).rsqrt().mul(kept);
        return new SymmetricPowers(
                vectors.mul(values.sqrt()).mm(vectors.t()), vectors.mul(inverse).mm(vectors.t()));
    }
}
