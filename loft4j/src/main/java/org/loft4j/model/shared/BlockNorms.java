package org.loft4j.model.shared;

import org.jspecify.annotations.Nullable;

/** Where the parts of a decoder's block have norms, by the names that families have for them; null for none. */
public enum BlockNorms {
    /** Before each part, as Llama has them. */
    BEFORE("input_layernorm", null, "post_attention_layernorm", null),
    /** Behind each too, as Gemma 2 has them. */
    AROUND("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"),
    /** The same by the names of GLM-4-0414. */
    AROUND_OF_GLM("input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm", "post_mlp_layernorm"),
    /** Behind each alone, as OLMo 2 has them. */
    BEHIND(null, "post_attention_layernorm", null, "post_feedforward_layernorm"),
    /** One that both parts read, which then are parallel, as Cohere has it. */
    ONE_FOR_BOTH("input_layernorm", null, null, null);

    private final @Nullable String attention;
    private final @Nullable String attentionOutput;
    private final @Nullable String feedForward;
    private final @Nullable String feedForwardOutput;

    BlockNorms(
            @Nullable String attention,
            @Nullable String attentionOutput,
            @Nullable String feedForward,
            @Nullable String feedForwardOutput) {
        this.attention = attention;
        this.attentionOutput = attentionOutput;
        this.feedForward = feedForward;
        this.feedForwardOutput = feedForwardOutput;
    }

    @Nullable
    String attention() {
        return attention;
    }

    @Nullable
    String attentionOutput() {
        return attentionOutput;
    }

    @Nullable
    String feedForward() {
        return feedForward;
    }

    @Nullable
    String feedForwardOutput() {
        return feedForwardOutput;
    }
}
