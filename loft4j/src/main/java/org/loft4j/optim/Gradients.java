package org.loft4j.optim;

import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** The gradient that autograd left on a leaf. */
final class Gradients {
    private Gradients() {}

    /** The gradient of a parameter. */
    static Tensor of(NamedParameter parameter) {
        Tensor grad = parameter.tensor().grad();
        if (!grad.defined()) {
            throw new IllegalStateException(
                    parameter.name() + " has no gradient: run backward before the optimizer's step");
        }
        return grad;
    }

    /** Adds {@code ‖g‖²}, without a tensor of the size of g. */
    static void addSquaredNorm(Tensor gradient, NormSum sum) {
        ScalarType wide = Dtype.of(gradient) == Dtype.F64 ? ScalarType.Double : ScalarType.Float;
        Tiles.of(gradient).elements(List.of(gradient), pieces -> sum.add(squaredNorm(pieces.get(0), wide)));
    }

    private static Tensor squaredNorm(Tensor g, ScalarType wide) {
        return g.norm(new ScalarOptional(new Scalar(2.0)), wide)
                .to(ScalarType.Double)
                .square_();
    }

    /** Frees the gradient, so that the next backward pass starts a new one. */
    static void drop(Tensor leaf) {
        try (NativeScope scope = new NativeScope()) {
            leaf.mutable_grad().reset();
        }
    }
}
