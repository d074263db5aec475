package org.loft4j.export;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.loft4j.ConfigException;

/** The architectures of llama.cpp that models are exported to, with the values of {@code model_type} that each computes. */
enum GgufArchitecture {
    LLAMA("llama", "mistral", "ministral", "mistral3", "mixtral"),
    /** Ministral 3, whose queries grow with their positions, be it within a {@code mistral3}. */
    MISTRAL3("ministral3"),
    QWEN2("qwen2", "qwen2_vl", "qwen2_5_vl"),
    QWEN2MOE("qwen2_moe"),
    QWEN3("qwen3", "qwen3_vl"),
    QWEN3MOE("qwen3_moe"),
    QWEN35("qwen3_5", "qwen3_5_text"),
    QWEN35MOE("qwen3_5_moe", "qwen3_5_moe_text"),
    GEMMA("gemma"),
    GEMMA2("gemma2"),
    GEMMA3("gemma3", "gemma3_text"),
    /** Gemma 3 whose tokens see those behind them too, for sentence embeddings. */
    GEMMA_EMBEDDING,
    GEMMA4("gemma4", "gemma4_text"),
    PHI2("phi"),
    PHI3("phi3"),
    STABLELM("stablelm"),
    STARCODER2("starcoder2"),
    SMOLLM3("smollm3"),
    GRANITE("granite"),
    GRANITEMOE("granitemoe"),
    /** Granite 4 with state spaces; without any it is {@link #GRANITE}, or with experts {@link #GRANITEMOE}. */
    GRANITEHYBRID("granitemoehybrid"),
    LFM2("lfm2"),
    OLMO2("olmo2", "olmo3"),
    OLMOE("olmoe"),
    GLM4("glm4"),
    COMMAND_R("cohere"),
    COHERE2("cohere2"),
    SEED_OSS("seed_oss"),
    ERNIE4_5("ernie4_5"),
    EXAONE4("exaone4"),
    /** Latent attention, with experts behind blocks without any. */
    DEEPSEEK2("deepseek_v2", "deepseek_v3", "glm4_moe_lite"),
    GLM4MOE("glm4_moe"),
    GPT_OSS("gpt_oss"),
    GPTNEOX("gpt_neox"),
    GPT2("gpt2"),
    BERT("bert");

    private final List<String> modelTypes;

    GgufArchitecture(String... modelTypes) {
        this.modelTypes = List.of(modelTypes);
    }

    /** The word under {@code general.architecture}, which the keys of its sizes begin with as well. */
    String key() {
        String name = name().toLowerCase(Locale.ROOT);
        return this == SEED_OSS || this == ERNIE4_5 ? name : name.replace('_', '-');
    }

    boolean isCohere() {
        return this == COMMAND_R || this == COHERE2;
    }

    boolean isGemma() {
        return this == GEMMA2 || isGemma3();
    }

    boolean isGemma3() {
        return this == GEMMA3 || this == GEMMA_EMBEDDING;
    }

    /** Whether its norms are layer norms. */
    boolean hasLayerNorms() {
        return this == GPT2 || this == GPTNEOX || this == PHI2 || this == STABLELM || this == STARCODER2 || isCohere();
    }

    boolean isGranite() {
        return this == GRANITE || this == GRANITEMOE || this == GRANITEHYBRID;
    }

    /** Whether its experts are behind blocks without any. */
    boolean beginsDense() {
        return this == DEEPSEEK2 || this == GLM4MOE;
    }

    boolean isQwen35() {
        return this == QWEN35 || this == QWEN35MOE;
    }

    /** Whether it makes vectors alone. */
    boolean makesVectors() {
        return this == GEMMA_EMBEDDING || this == BERT;
    }

    /** Whether some blocks have a memory for attention, which does not grow. */
    boolean remembers() {
        return isQwen35() || this == GRANITEHYBRID || this == LFM2;
    }

    /** Whether files hold a norm's weight less one, and llama.cpp reads it whole. */
    boolean normsLessOne() {
        return isGemma() || this == GEMMA || isQwen35();
    }

    /** Whether llama.cpp rotates neighbours, and not the halves of a head. */
    boolean rotatesNeighbours() {
        return this == LLAMA || this == MISTRAL3 || this == SMOLLM3 || isGranite();
    }

    /** Whether a tied output embedding needs a tensor of its own: versions of llama.cpp do not take it from the input's. */
    boolean needsOutput() {
        return this == GPT2
                || this == GPTNEOX
                || this == OLMO2
                || this == OLMOE
                || this == GPT_OSS
                || this == QWEN2MOE
                || this == STABLELM;
    }

    /**
     * The architecture for a {@code model_type} of config.json.
     *
     * @throws ConfigException if llama.cpp has none, or it is not known here
     */
    static GgufArchitecture of(String modelType) {
        for (GgufArchitecture architecture : values()) {
            if (architecture.modelTypes.contains(modelType)) {
                return architecture;
            }
        }
        throw new ConfigException("model_type must be one of " + String.join(", ", modelTypes())
                + " to be exported to GGUF, got " + modelType);
    }

    static boolean knows(String modelType) {
        return modelTypes().contains(modelType);
    }

    /** Every {@code model_type} that can be exported. */
    static List<String> modelTypes() {
        return Arrays.stream(values())
                .flatMap(architecture -> architecture.modelTypes.stream())
                .toList();
    }
}
