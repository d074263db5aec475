package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * A matrix that lies in one tensor with others: it holds no view of its own, and makes one where it is asked.
 *
 * @param stack {@code (count, out, in)}, owned by the model's weights
 * @param number of the matrix
 * @param transposed whether the stack is {@code (count, in, out)} instead
 */
record StackedWeight(Tensor stack, int number, boolean transposed) implements WeightMatrix {
    @Override
    public long out() {
        return stack.size(transposed ? 2 : 1);
    }

    @Override
    public long in() {
        return stack.size(transposed ? 1 : 2);
    }

    @Override
    public Dtype dtype() {
        return Dtype.of(stack);
    }

    @Override
    public DeviceSpec device() {
        return DeviceSpec.of(stack);
    }

    /** A view, which belongs to the open scope. */
    @Override
    public Tensor dense() {
        return view().dense();
    }

    @Override
    public Tensor product(Tensor x, @Nullable Tensor bias) {
        return view().product(x, bias);
    }

    private WeightMatrix view() {
        Tensor one = stack.select(0, number);
        return transposed ? new TransposedWeight(one) : new DenseWeight(one);
    }

    @Override
    public boolean isWritable() {
        return true;
    }

    /** That of the whole stack. */
    @Override
    public long version() {
        return stack._version();
    }

    @Override
    public boolean isStoredTransposed() {
        return transposed;
    }
}
