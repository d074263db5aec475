package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** The gradient of the head over all parts, where its own cannot take them: it goes to autograd as one. */
final class HeadSum implements AutoCloseable {
    private @Nullable Tensor weight;
    private @Nullable Tensor sum;

    void add(Tensor leaf, Tensor gradient, Tensor hidden) {
        weight = leaf;
        if (sum == null) {
            sum = NativeScope.keep(gradient.t().mm(hidden));
            return;
        }
        if (Dtype.of(sum).isHalf()) {
            try (Tensor first = sum) {
                sum = NativeScope.keep(first.to(Dtype.F32.scalarType()));
            }
        }
        addProduct(sum, gradient, hidden);
    }

    void deliver() {
        if (weight != null && sum != null) {
            // in a scope of its own, since it is as large as the head and the lane's ends with the whole backward pass
            try (NativeScope scope = new NativeScope()) {
                Tensor whole = sum.to(weight.scalar_type());
                close();
                LanguageModelLoss.backward(weight, whole);
            }
        }
    }

    @Override
    public void close() {
        if (sum != null) {
            sum.close();
            sum = null;
        }
    }

    /** {@code sum ← sum + gradientᵀ·hidden}; products in half types go into a sum in float32 some rows at a time. */
    static void addProduct(Tensor sum, Tensor gradient, Tensor hidden) {
        if (Dtype.of(sum) == Dtype.of(gradient)) {
            sum.addmm_(gradient.t(), hidden);
            return;
        }
        boolean onProcessor = DeviceSpec.of(sum).kind() == DeviceSpec.Kind.CPU;
        long rows = Math.max(
                LanguageModelLoss.LEAST_ROWS,
                (onProcessor ? LanguageModelLoss.BLOCK : LanguageModelLoss.CHUNK) / hidden.size(1));
        for (long start = 0; start < sum.size(0); start += rows) {
            try (NativeScope part = new NativeScope()) {
                long count = Math.min(rows, sum.size(0) - start);
                sum.narrow(0, start, count)
                        .add_(gradient.narrow(1, start, count).t().mm(hidden));
            }
        }
    }
}
