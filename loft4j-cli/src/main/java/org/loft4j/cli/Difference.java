package org.loft4j.cli;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/**
 * How far a tensor is from the expected one.
 *
 * @param name of the expected tensor
 * @param maxAbs largest absolute difference of an element; NaN if there is one
 * @param relative Frobenius norm of the difference over that of the expected tensor
 * @param bound what decides, and how large it may be
 * @param fault why there is nothing to compare; null where there is
 */
record Difference(
        String name,
        double maxAbs,
        double relative,
        Bound bound,
        @Nullable String fault) {
    /** Gradients whose norm is below this are rounding noise: only their absolute difference says something. */
    static final double NOISE = 1e-6;

    /**
     * @param relative whether the relative or the absolute difference decides
     * @param tolerance its largest value
     */
    record Bound(boolean relative, double tolerance) {}

    static Difference missing(String name, Bound bound, String fault) {
        return new Difference(name, Double.NaN, Double.NaN, bound, fault);
    }

    /** @param mask 1 where elements count, broadcast over the tensors; null for everywhere */
    static Difference of(String name, Tensor actual, Tensor expected, @Nullable Tensor mask, Bound bound) {
        if (!java.util.Arrays.equals(Shapes.of(actual), Shapes.of(expected))) {
            return missing(
                    name,
                    bound,
                    "has shape " + Shapes.text(Shapes.of(actual)) + ", expected " + Shapes.text(Shapes.of(expected)));
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor want = counted(expected, mask);
            Tensor difference = counted(actual, mask).sub(want);
            double norm = want.norm().item_double();
            double maxAbs = difference.numel() == 0 ? 0 : difference.abs().max().item_double();
            double distance = difference.norm().item_double();
            Bound decisive = bound.relative && norm < NOISE ? new Bound(false, NOISE) : bound;
            return new Difference(name, maxAbs, distance == 0 ? 0 : distance / norm, decisive, null);
        }
    }

    private static Tensor counted(Tensor tensor, @Nullable Tensor mask) {
        Tensor wide = tensor.detach().cpu().to(Dtype.F64.scalarType());
        return mask == null ? wide : wide.masked_fill(mask.eq(new Scalar(0)), new Scalar(0));
    }

    /** Not a number never passes. */
    boolean passed() {
        return fault == null && (bound.relative ? relative : maxAbs) <= bound.tolerance;
    }
}
