package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * A matrix that is stored as it is.
 *
 * @param tensor {@code (out, in)}, owned by the model's weights
 */
record DenseWeight(Tensor tensor) implements WeightMatrix {
    @Override
    public long out() {
        return tensor.size(0);
    }

    @Override
    public long in() {
        return tensor.size(1);
    }

    @Override
    public Dtype dtype() {
        return Dtype.of(tensor);
    }

    @Override
    public DeviceSpec device() {
        return DeviceSpec.of(tensor);
    }

    @Override
    public Tensor dense() {
        return tensor;
    }

    @Override
    public Tensor product(Tensor x, @Nullable Tensor bias) {
        Tensor y = LaneProduct.of(x, tensor, bias);
        if (y == null) {
            y = FrozenProduct.of(x, tensor, bias);
        }
        return y != null ? y : torch.linear(x, tensor, bias == null ? new TensorOptional() : new TensorOptional(bias));
    }

    @Override
    public boolean isWritable() {
        return true;
    }

    @Override
    public long version() {
        return tensor._version();
    }
}
