package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.tensor.Shapes;

/**
 * The two factors of one adapted matrix, {@code W = W0 + scale·B·A}.
 *
 * @param name identifies the pair in saved state and reports
 * @param loraA {@code (r, in)}, a leaf that requires its gradient
 * @param loraB {@code (out, r)}, a leaf that requires its gradient
 * @param scale {@code alpha / r}, or {@code alpha / √r} for rsLoRA
 */
public record LowRankPair(String name, Tensor loraA, Tensor loraB, double scale) {
    public LowRankPair {
        Shapes.require(name + ".lora_A", loraA, -1, -1);
        Shapes.require(name + ".lora_B", loraB, -1, loraA.size(0));
        Checks.positive(name + ".scale", scale);
    }

    public long rank() {
        return loraA.size(0);
    }
}
