package org.loft4j.optim;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;

/** How the inverse of a Gram matrix treats small eigenvalues λ. */
public sealed interface Damping {
    /**
     * {@code λ / (λ² + (δ·λmax)²)}: the exact inverse for a well-conditioned matrix, and nothing along directions that the
     * factor does not span, whatever its scale. The zero matrix has inverse zero.
     */
    record Relative(double delta) implements Damping {
        public Relative {
            Checks.fraction("damping.delta", delta);
        }
    }

    /**
     * The pseudo-inverse: {@code 1/λ} where {@code λ > rcond·λmax}, else 0. Exact on the directions that count, where
     * {@link Relative} is off by {@code (δ·λmax/λ)²}, but not continuous in the factor.
     */
    record PseudoInverse(double rcond) implements Damping {
        public PseudoInverse {
            Checks.fraction("damping.rcond", rcond);
        }
    }

    /** {@code 1/(λ + δ)} where {@code λ > rcond·λmax}, else 0. */
    record Ridge(double delta, double rcond) implements Damping {
        public Ridge {
            Checks.notNegative("damping.delta", delta);
            Checks.fraction("damping.rcond", rcond);
        }
    }

    /**
     * {@code 1 / (λ + δ)} with one δ for A·Aᵀ and one for Bᵀ·B, as published LoFT code does; swamps Bᵀ·B while B is small.
     */
    record Absolute(double gramA, double gramB) implements Damping {
        public Absolute {
            Checks.notNegative("damping.gram_a", gramA);
            Checks.notNegative("damping.gram_b", gramB);
        }
    }

    /** The eigenvalues of the inverse; {@code eigenvalues} ascend, as {@code linalg_eigh} returns them. */
    default Tensor invert(Tensor eigenvalues, Factor basis) {
        if (this instanceof Relative relative) {
            Tensor floor = eigenvalues.select(0, eigenvalues.size(0) - 1).mul(new Scalar(relative.delta));
            Tensor squares = eigenvalues.mul(eigenvalues).add(floor.mul(floor));
            // a zero matrix would be 0/0 everywhere, and its pseudo-inverse is zero
            return eigenvalues.div(squares.clamp_min(new Scalar(Double.MIN_NORMAL)));
        }
        if (this instanceof PseudoInverse pseudo) {
            return cut(eigenvalues, 0, pseudo.rcond);
        }
        if (this instanceof Ridge ridge) {
            return cut(eigenvalues, ridge.delta, ridge.rcond);
        }
        Absolute absolute = (Absolute) this;
        double delta = basis == Factor.A ? absolute.gramA : absolute.gramB;
        return eigenvalues.add(new Scalar(delta)).reciprocal();
    }

    private static Tensor cut(Tensor eigenvalues, double delta, double rcond) {
        Tensor floor = eigenvalues.select(0, eigenvalues.size(0) - 1).mul(new Scalar(rcond));
        Tensor kept = eigenvalues.gt(floor).to(eigenvalues.scalar_type());
        // 0·∞ where an eigenvalue is zero
        return eigenvalues.add(new Scalar(delta)).reciprocal().mul(kept).nan_to_num();
    }
}
