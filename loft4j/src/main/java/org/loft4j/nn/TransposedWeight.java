package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * A matrix that is stored the other way round, as GPT-2's {@code Conv1D} does.
 *
 * @param tensor {@code (in, out)}, owned by the model's weights
 */
record TransposedWeight(Tensor tensor) implements WeightMatrix {
    @Override
    public long out() {
        return tensor.size(1);
    }

    @Override
    public long in() {
        return tensor.size(0);
    }

    @Override
    public Dtype dtype() {
        return Dtype.of(tensor);
    }

    @Override
    public DeviceSpec device() {
        return DeviceSpec.of(tensor);
    }

    /** A view, which belongs to the open scope. */
    @Override
    public Tensor dense() {
        return tensor.t();
    }

    @Override
    public Tensor product(Tensor x, @Nullable Tensor bias) {
        Tensor y = LaneProduct.of(x, tensor.t(), bias);
        if (y != null) {
            return y;
        }
        if (bias == null) {
            return x.matmul(tensor);
        }
        if (x.dim() == 2) {
            return torch.addmm(bias, x, tensor);
        }
        long[] shape = Shapes.of(x);
        shape[shape.length - 1] = out();
        return torch.addmm(bias, x.reshape(-1, in()), tensor).view(shape);
    }

    @Override
    public boolean isWritable() {
        return true;
    }

    @Override
    public long version() {
        return tensor._version();
    }

    @Override
    public boolean isStoredTransposed() {
        return true;
    }
}
