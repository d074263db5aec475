package org.loft4j.adapter;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Shapes;

/**
 * What training has changed of a layer whose factors were both non-zero at the start, their product having been taken out of
 * the base weight. On the unchanged base it is an adapter of twice the rank that PEFT reads as any other:
 *
 * <pre>  scale·(B·A − B0·A0) = scale·B'·A',   A' = [A; A0],  B' = [B, −B0]</pre>
 *
 * @param loraA A, {@code (r, in)}
 * @param loraB B, {@code (out, r)}
 * @param startA A0, {@code (r, in)}
 * @param startB B0, {@code (out, r)}
 */
public record ProductDifference(Tensor loraA, Tensor loraB, Tensor startA, Tensor startB) {
    public ProductDifference {
        Shapes.require("lora_A", loraA, -1, -1);
        Shapes.require("lora_B", loraB, -1, loraA.size(0));
        Shapes.require("start_A", startA, Shapes.of(loraA));
        Shapes.require("start_B", startB, Shapes.of(loraB));
    }

    /** Takes a stacked pair apart again, bit for bit; the parts are views. */
    public static ProductDifference split(Tensor stackedA, Tensor stackedB) {
        Shapes.require("lora_B", stackedB, -1, stackedA.size(0));
        long rank = stackedA.size(0) / 2;
        if (rank < 1 || stackedA.size(0) % 2 != 0) {
            throw new ShapeException("a difference of two products has an even rank, got "
                    + Shapes.text(Shapes.of(stackedA)) + " for lora_A");
        }
        return new ProductDifference(
                stackedA.narrow(0, 0, rank),
                stackedB.narrow(1, 0, rank),
                stackedA.narrow(0, rank, rank),
                stackedB.narrow(1, rank, rank).neg());
    }

    /** {@code A' = [A; A0]}, {@code (2r, in)}, without a gradient and owned by the open scope. */
    public Tensor stackedA() {
        return torch.cat(new TensorVector(loraA.detach(), startA.detach()), 0);
    }

    /** {@code B' = [B, −B0]}, {@code (out, 2r)}, without a gradient and owned by the open scope. */
    public Tensor stackedB() {
        return torch.cat(new TensorVector(loraB.detach(), startB.detach().neg()), 1);
    }

    /**
     * The configuration of the stacked adapter: every rank doubled, every alpha such that the scale of each layer stays.
     *
     * @throws ConfigException for DoRA, whose magnitudes belong to one product
     */
    public static LoraConfig stacked(LoraConfig config) {
        if (config.useDora()) {
            throw new ConfigException("use_dora does not go with a start that is taken out of the base weight");
        }
        return config.withRanksTimes(2);
    }
}
