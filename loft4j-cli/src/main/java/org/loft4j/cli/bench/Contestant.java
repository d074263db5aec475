package org.loft4j.cli.bench;

import org.loft4j.tensor.Dtype;
import org.loft4j.train.Method;

/**
 * What a step is taken with.
 *
 * @param base dtype of the model's weights
 * @param crossTerms dtype of LoFT's cross terms; without effect on other methods
 * @param checkpointing whether each layer is computed again for the backward pass
 */
public record Contestant(Method method, Dtype base, Dtype crossTerms, boolean checkpointing) {
    public static final Contestant LORA = of(Method.LORA);

    public static final Contestant LORA_BFLOAT16 = new Contestant(Method.LORA, Dtype.BF16, Dtype.F32, false);

    public static final Contestant LORA_CHECKPOINTING = new Contestant(Method.LORA, Dtype.F32, Dtype.F32, true);

    public static final Contestant LOFT_BFLOAT16 = new Contestant(Method.LOFT, Dtype.F32, Dtype.BF16, false);

    /** A method as it is, in float32. */
    public static Contestant of(Method method) {
        return new Contestant(method, Dtype.F32, Dtype.F32, false);
    }

    /** The method, and what is special. */
    public String name() {
        return method.word()
                + (base == Dtype.F32 ? "" : ", " + base.torchName())
                + (crossTerms == Dtype.F32 ? "" : ", " + crossTerms.torchName() + " cross terms")
                + (checkpointing ? ", checkpointing" : "");
    }
}
