package org.loft4j.export;

import java.util.Set;

/** The biases that llama.cpp has a place for and computes with, by its names: of what has none it loads no file. */
final class BiasPlaces {
    private static final Set<String> INPUTS = Set.of("attn_q", "attn_k", "attn_v");

    private BiasPlaces() {}

    /**
     * Whether there is one.
     *
     * @param module such as {@code blk.0.attn_q}
     */
    static boolean has(GgufArchitecture architecture, String module) {
        String part = module.substring(module.lastIndexOf('.') + 1);
        boolean attention = INPUTS.contains(part) || part.equals("attn_output");
        return switch (architecture) {
            case BERT, GPT2, PHI2, STARCODER2, GPTNEOX -> true;
            case LLAMA, MISTRAL3, GRANITE ->
                attention || Set.of("ffn_gate", "ffn_up", "ffn_down").contains(part);
            case GRANITEMOE -> attention;
            case GRANITEHYBRID -> attention || part.equals("ssm_conv1d");
            case GPT_OSS -> attention || part.equals("ffn_gate_inp");
            case STABLELM -> INPUTS.contains(part) || part.endsWith("_norm");
            case QWEN2, QWEN2MOE, GLM4, GLM4MOE, SEED_OSS -> INPUTS.contains(part);
            default -> false;
        };
    }
}
