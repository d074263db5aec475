package org.loft4j.adapter;

import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * What DoRA's magnitude does to the columns of v, {@code y = (1 + e) ⊙ v}, in the memory of v:
 *
 * <pre>  ∂v = (1 + e) ⊙ ∂y        ∂e = Σₜ ∂yₜ ⊙ vₜ = (Σₜ ∂yₜ ⊙ yₜ) / (1 + e)</pre>
 *
 * <p>The backward pass reads y, which most of what comes behind a layer keeps anyway, and not v, which nothing else does. So that
 * there is one to divide, a column that is learnt is made no shorter than by {@link #shortest}.
 */
final class Stretch {
    private Stretch() {}

    /**
     * @param v {@code (rows, out)}, written over; nothing else may need its numbers
     * @param excess e, {@code (out)}, float32 or float64
     */
    static Tensor of(Tensor v, Tensor excess) {
        Tensor y = v.detach();
        boolean learnt = GradMode.is_enabled() && excess.requires_grad();
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            stretch(y, y, learnt ? held(excess, Dtype.of(v)) : excess);
        }
        AutogradFunction.lead(
                "a layer with DoRA has no second derivative here",
                y,
                List.of(v, excess),
                List.of(y, excess.detach()),
                (saved, gradient) -> gradients(saved.get(0), saved.get(1), gradient));
        return y;
    }

    private static List<Tensor> gradients(Tensor y, Tensor e, Tensor ofY) {
        Dtype wide = Dtype.of(e);
        Tensor ofV = torch.empty_like(y);
        Tensor sums = Tensors.empty(wide, DeviceSpec.of(y), y.size(1)).zero_();
        RowNorms.eachBlock(y.size(0), y.size(1), DeviceSpec.of(y), (start, count) -> {
            Tensor some = ofY.narrow(0, start, count);
            stretch(ofV.narrow(0, start, count), some, e);
            sums.add_(some.to(wide.scalarType())
                    .mul(y.narrow(0, start, count))
                    .sum(new long[] {0}, false, new ScalarTypeOptional(wide.scalarType())));
        });
        return List.of(ofV, sums.div_(held(e, Dtype.of(y)).add(new Scalar(1.0))));
    }

    /** {@code (1 + e) ⊙ x}, rounded once: what is near −1 is multiplied by 1 + e, which is exact there, and of the rest e times x is added. */
    private static void stretch(Tensor out, Tensor x, Tensor e) {
        ScalarType type = x.scalar_type();
        Tensor near = e.lt(new Scalar(-0.5));
        torch.addcmul_out(out, x, x, e.masked_fill(near, new Scalar(0.0)).to(type));
        // on a device the host would wait for the answer
        if (e.is_cuda() || near.any().item_bool()) {
            Tensor factor = e.add(new Scalar(1.0));
            out.mul_(factor.masked_fill(near.logical_not(), new Scalar(1.0)).to(type));
        }
    }

    /** e, but where 1 + e is nearer to 0 than the shortest, that of the same sign. */
    private static Tensor held(Tensor e, Dtype type) {
        Scalar shortest = new Scalar(shortest(type));
        Tensor factor = e.add(new Scalar(1.0));
        Tensor least = torch.full_like(factor, shortest);
        least = torch.where(factor.lt(new Scalar(0.0)), least.neg(), least);
        return torch.where(factor.abs().lt(shortest), least.sub(new Scalar(1.0)), e);
    }

    /** What of the numbers of a type still has all of their digits. */
    private static double shortest(Dtype type) {
        return switch (type) {
            case F64 -> 0x1p-53;
            case F32, BF16 -> 0x1p-24;
            // its least number with all digits is 2⁻¹⁴
            case F16 -> 0x1p-11;
            default -> throw new IllegalArgumentException("no matrix is multiplied in " + type);
        };
    }
}
