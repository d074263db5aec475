package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * The two factors of one adapted matrix, {@code W = W0 + scale·B·A}.
 *
 * @param name identifies the pair in saved state and reports
 * @param loraA {@code (r, in)}, a leaf that requires its gradient, float32 or float64
 * @param loraB {@code (out, r)}, a leaf that requires its gradient, of the same dtype
 * @param scale {@code alpha / r}, or {@code alpha / √r} for rsLoRA
 * @param probe sees the full gradient of W in one random direction; null for none
 */
public record LowRankPair(
        String name,
        Tensor loraA,
        Tensor loraB,
        double scale,
        @Nullable GradientProbe probe) {
    public LowRankPair {
        Shapes.require(name + ".lora_A", loraA, -1, -1);
        Shapes.require(name + ".lora_B", loraB, -1, loraA.size(0));
        Checks.positive(name + ".scale", scale);
        for (Tensor factor : new Tensor[] {loraA, loraB}) {
            if (Dtype.of(factor) != Dtype.F32 && Dtype.of(factor) != Dtype.F64) {
                throw new ConfigException(name + ": its factors must be float32 or float64, got "
                        + Dtype.of(factor).torchName() + ": averages over many steps stand still in a half type");
            }
        }
    }

    /** A pair without a probe. */
    public LowRankPair(String name, Tensor loraA, Tensor loraB, double scale) {
        this(name, loraA, loraB, scale, null);
    }
}
