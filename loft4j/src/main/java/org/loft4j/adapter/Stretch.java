package org.loft4j.adapter;

import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * What DoRA's magnitude does to the columns of v, {@code y = v + e ⊙ v}, in the memory of v:
 *
 * <pre>  ∂v = ∂y + e ⊙ ∂y        ∂e = Σₜ ∂yₜ ⊙ vₜ = (Σₜ ∂yₜ ⊙ yₜ) / (1 + e)</pre>
 *
 * <p>The backward pass reads y, which most of what comes behind a layer keeps anyway, and not v, which nothing else does. Where
 * e rounds to −1 the y that is made is v times the type's smallest step below 1 in place of nothing, so that there is one to divide.
 */
final class Stretch {
    private Stretch() {}

    /**
     * @param v {@code (rows, out)}, written over; nothing else may need its numbers
     * @param excess e, {@code (out)}, float32 or float64
     */
    static Tensor of(Tensor v, Tensor excess) {
        Dtype wide = Dtype.of(excess);
        Tensor y = v.detach();
        Tensor e;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            e = excess.to(v.scalar_type());
            y.addcmul_(y, held(e));
        }
        AutogradFunction.lead(
                "a layer with DoRA has no second derivative here",
                y,
                List.of(v, excess),
                List.of(y, e),
                (saved, gradient) -> gradients(saved.get(0), saved.get(1), gradient, wide));
        return y;
    }

    private static List<Tensor> gradients(Tensor y, Tensor e, Tensor ofY, Dtype wide) {
        Tensor ofV = torch.empty_like(y);
        Tensor sums = Tensors.empty(wide, DeviceSpec.of(y), y.size(1)).zero_();
        RowNorms.eachBlock(y.size(0), y.size(1), DeviceSpec.of(y), (start, count) -> {
            Tensor some = ofY.narrow(0, start, count);
            torch.addcmul_out(ofV.narrow(0, start, count), some, some, e);
            sums.add_(some.mul(y.narrow(0, start, count))
                    .sum(new long[] {0}, false, new ScalarTypeOptional(wide.scalarType())));
        });
        return List.of(ofV, sums.div_(held(e).to(wide.scalarType()).add_(new Scalar(1.0))));
    }

    /** e, but for −1 its neighbour. */
    private static Tensor held(Tensor e) {
        return e.masked_fill(e.eq(new Scalar(-1.0)), new Scalar(stepBelowOne(Dtype.of(e)) - 1));
    }

    private static double stepBelowOne(Dtype dtype) {
        return switch (dtype) {
            case F64 -> 0x1p-53;
            case F32 -> 0x1p-24;
            case F16 -> 0x1p-11;
            case BF16 -> 0x1p-8;
            default -> throw new IllegalArgumentException("no matrix is multiplied in " + dtype);
        };
    }
}
