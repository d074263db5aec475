package org.loft4j.export;

import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.export.Diagnosis.Notes;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.export.Finding.Severity;
import org.loft4j.io.JsonObject;

/** Tells of classifiers over decoders that Transformers has no class for, and of encoders and encoder-decoders that vLLM has none for. */
final class MissingClass {
    private static final Set<String> OF_TEXTS = Set.of(
            "cohere",
            "cohere2",
            "ernie4_5",
            "gemma4",
            "gemma4_text",
            "glm4_moe",
            "glm4_moe_lite",
            "granite",
            "granitemoe",
            "granitemoehybrid",
            "lfm2",
            "llama4",
            "llama4_text",
            "mistral3",
            "olmoe",
            "qwen2_vl",
            "qwen2_5_vl",
            "qwen3_vl",
            "qwen3_5_moe",
            "qwen3_5_moe_text");
    private static final Set<String> OF_TOKENS = Set.of(
            "cohere",
            "cohere2",
            "deepseek_v2",
            "ernie4_5",
            "gemma3",
            "gemma3_text",
            "gemma4",
            "gemma4_text",
            "glm4_moe",
            "glm4_moe_lite",
            "granite",
            "granitemoe",
            "granitemoehybrid",
            "lfm2",
            "llama4",
            "llama4_text",
            "mistral3",
            "olmo2",
            "olmo3",
            "olmoe",
            "opt",
            "qwen2_vl",
            "qwen2_5_vl",
            "qwen3_vl",
            "qwen3_5_moe",
            "qwen3_5_moe_text",
            "qwen3_5_text");

    /** Encoders whose classes in Transformers do not let vLLM put its attention in. */
    private static final Set<String> CLOSED_TO_VLLM = Set.of("deberta-v2", "mpnet");

    /** The class of a language model alone, by the family with a vision tower that Transformers opens as it. */
    private static final Map<String, String> TOWERLESS = Map.of(
            "llama4", "Llama4ForCausalLM",
            "qwen3_5", "Qwen3_5ForCausalLM",
            "qwen3_5_moe", "Qwen3_5MoeForCausalLM");

    /** Families that vLLM has, or puts its attention into, and serves without adapters. */
    private static final Set<String> WITHOUT_LORA =
            Set.of("gpt2", "bert", "roberta", "distilbert", "electra", "modernbert", "vit");

    /** Encoder-decoders, which vLLM serves no more. */
    private static final Set<String> ENCODER_DECODERS = Set.of("bart", "m2m_100", "mbart", "mt5", "pegasus", "t5");

    /** Encoders whose classes in Transformers do. */
    private static final Set<String> OPEN_TO_VLLM =
            Set.of("albert", "camembert", "deit", "dinov2", "dinov2_with_registers", "distilbert", "electra");

    /** Decoders whose class in vLLM has not been looked at. */
    private static final Set<String> UNTRIED_IN_VLLM = Set.of(
            "cohere",
            "cohere2",
            "deepseek_v2",
            "deepseek_v3",
            "ernie4_5",
            "exaone4",
            "gemma4",
            "gemma4_text",
            "glm4",
            "glm4_moe",
            "glm4_moe_lite",
            "gpt_neo",
            "gpt_neox",
            "llama4",
            "llama4_text",
            "opt",
            "qwen2_moe",
            "qwen3_next",
            "seed_oss",
            "stablelm",
            "starcoder2");

    private MissingClass() {}

    /** Of llama.cpp: of models that are not exported. */
    static void ofLlamaCpp(JsonObject config, Notes notes) throws CheckpointException {
        String family = config.stringOr("model_type", "");
        if (!isExported(config)) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.LLAMA_CPP,
                    "model_type " + family + " cannot be exported to GGUF here",
                    "one of " + String.join(", ", GgufModel.modelTypes()) + " can");
        }
    }

    /** Whether models of a config.json are exported to GGUF. */
    static boolean isExported(JsonObject config) throws CheckpointException {
        return GgufArchitecture.knows(config.stringOr("model_type", ""));
    }

    /**
     * Of vLLM, which falls back on a class of Transformers that is made for it.
     *
     * @param config config.json of a model
     */
    static void ofVllm(JsonObject config, Notes notes) throws CheckpointException {
        String family = config.stringOr("model_type", "");
        if (UNTRIED_IN_VLLM.contains(family)) {
            notes.add(
                    Severity.UNKNOWN,
                    Consumer.VLLM,
                    "what vLLM makes of " + family + ", and of adapters on it, is not known here",
                    "compare its answers with those of loft generate before others rely on them");
            return;
        }
        if (ENCODER_DECODERS.contains(family)) {
            notes.add(
                    Severity.REFUSED,
                    Consumer.VLLM,
                    "vLLM has no class for " + family + ", an encoder-decoder",
                    "use Transformers, or loft generate");
            return;
        }
        String what = "vLLM has no class of its own for " + family;
        String remedy = "use Transformers, or loft predict and loft eval";
        if (CLOSED_TO_VLLM.contains(family)) {
            notes.add(Severity.REFUSED, Consumer.VLLM, what + ", and takes none of Transformers' for it", remedy);
        } else if (OPEN_TO_VLLM.contains(family)) {
            notes.add(
                    Severity.UNKNOWN,
                    Consumer.VLLM,
                    what + ", and what it makes of Transformers' is not known here",
                    remedy);
        }
    }

    /** Of adapters whose class in Transformers is the language model's alone, where vLLM has one with the vision tower. */
    static void ofAdapter(String family, boolean classifies, String remedy, Notes notes) {
        String towerless = TOWERLESS.get(family);
        if (towerless != null && !classifies) {
            notes.add(
                    Severity.UNKNOWN,
                    Consumer.VLLM,
                    "the names are those of Transformers' " + towerless
                            + ": whether vLLM finds them in its class with the" + " tower is not known here",
                    remedy);
        }
    }

    /**
     * The same of an adapter.
     *
     * @param config config.json of the model under it
     * @param merge what makes a model of the two
     */
    static void ofVllmAdapter(JsonObject config, String merge, Notes notes) throws CheckpointException {
        String family = config.stringOr("model_type", "");
        if (WITHOUT_LORA.contains(family)) {
            notes.add(Severity.REFUSED, Consumer.VLLM, "vLLM's " + family + " takes no LoRA", merge);
        }
        ofVllm(config, notes);
    }

    /**
     * @param config config.json of a classifier, or of the model under its adapter
     * @param tokens whether it classifies tokens, and not texts
     */
    static void check(JsonObject config, boolean tokens, Notes notes) throws CheckpointException {
        String family = config.stringOr("model_type", "");
        if ((tokens ? OF_TOKENS : OF_TEXTS).contains(family)) {
            String what =
                    "Transformers has no class that classifies " + (tokens ? "tokens" : "texts") + " with " + family;
            notes.add(Severity.REFUSED, Consumer.PEFT, what, "use loft predict and loft eval");
            notes.add(
                    Severity.UNKNOWN,
                    Consumer.VLLM,
                    what + ", and what vLLM makes of it is not known here",
                    "use loft predict and loft eval");
        }
    }
}
