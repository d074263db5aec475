package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.JsonObject;

/**
 * The sizes and constants of a model under the keys that llama.cpp reads. A value of config.json that llama.cpp would compute
 * with otherwise is refused.
 */
final class GgufParameters {
    private static final Set<String> SILU = Set.of("silu", "swish");
    private static final String GELU = "gelu";
    private static final Set<String> GELUS = Set.of(GELU, "gelu_new", "gelu_fast", "gelu_pytorch_tanh");

    private final TextConfig config;
    private final JsonObject json;
    private final GgufMetadata metadata;
    private final List<String> notes;
    private final String key;

    private GgufParameters(TextConfig config, GgufMetadata metadata, List<String> notes) {
        this.config = config;
        this.json = config.json();
        this.metadata = metadata;
        this.notes = notes;
        this.key = config.architecture().key() + ".";
    }

    /** Puts the keys, and adds to the notes what a reader of the file should know. */
    static void put(TextConfig config, long vocabulary, GgufMetadata metadata, List<String> notes)
            throws CheckpointException {
        new GgufParameters(config, metadata, notes).put(vocabulary);
    }

    private void put(long vocabulary) throws CheckpointException {
        config.requireFlag("is_causal", true);
        boolean ofImages = config.architecture() == GgufArchitecture.GEMMA4
                && json.node("use_bidirectional_attention") instanceof TextNode sees
                && sees.asText().equals("vision");
        if (!ofImages && !config.architecture().makesVectors()) {
            config.requireFlag("use_bidirectional_attention", false);
        }
        metadata.count(key + "vocab_size", vocabulary);
        metadata.count(key + "context_length", config.maxPositions());
        metadata.count(key + "embedding_length", config.hiddenSize());
        metadata.count(key + "block_count", config.layers());
        metadata.count(key + "attention.head_count", config.heads());
        Mixtures.put(config, metadata, key);
        if (config.architecture() == GgufArchitecture.GEMMA4) {
            GemmaParameters.put(config, vocabulary, metadata, notes, key);
            return;
        }
        metadata.count(key + "feed_forward_length", config.feedForward());
        if (config.architecture() == GgufArchitecture.BERT) {
            bert();
            return;
        }
        if (config.architecture() == GgufArchitecture.DEEPSEEK2) {
            LatentParameters.put(config, vocabulary, metadata, notes, key);
            return;
        }
        MemoryParameters.keyHeads(config, metadata, key);
        if (config.architecture() == GgufArchitecture.GPT2) {
            gpt2();
            return;
        }
        if (config.architecture().hasLayerNorms()) {
            metadata.number(key + "attention.layer_norm_epsilon", config.layerNormEps());
        } else {
            metadata.number(key + "attention.layer_norm_rms_epsilon", config.rmsNormEps());
        }
        metadata.count(key + "attention.key_length", config.headDim());
        metadata.count(key + "attention.value_length", config.headDim());
        new RopeScaling(config).put(metadata);
        switch (config.architecture()) {
            case LLAMA -> llama();
            case QWEN2, QWEN3 -> qwen();
            case QWEN2MOE -> qwen2Moe();
            case QWEN3MOE -> qwen3Moe();
            case MISTRAL3 -> ministral3();
            case QWEN35, QWEN35MOE -> qwen35();
            case OLMOE -> olmoe();
            case GPT_OSS -> gptOss();
            case GPTNEOX -> gptNeox();
            case GEMMA, GEMMA2, GEMMA3, GEMMA_EMBEDDING ->
                GemmaParameters.put(config, vocabulary, metadata, notes, key);
            case PHI2 -> phi2();
            case PHI3 -> phi3();
            case STABLELM -> stableLm();
            case STARCODER2 -> starcoder2();
            case SMOLLM3 -> smollm3();
            case GRANITE, GRANITEMOE, GRANITEHYBRID -> granite();
            case LFM2 -> MemoryParameters.lfm2(config, metadata, key);
            case OLMO2 -> olmo2();
            case GLM4, COMMAND_R, COHERE2, SEED_OSS, ERNIE4_5, EXAONE4, GLM4MOE ->
                DenseParameters.put(config, metadata, key);
            default -> throw new IllegalStateException(key);
        }
    }

    /** llama.cpp has one GELU, and takes each token for one of the first text. */
    private void bert() throws CheckpointException {
        config.requireOneOf("hidden_act", GELU, GELUS);
        config.requireOneOf("position_embedding_type", "absolute", Set.of("absolute"));
        config.requireFlag("is_decoder", false);
        metadata.number(key + "attention.layer_norm_epsilon", json.doubleOr("layer_norm_eps", 1e-12));
        metadata.flag(key + "attention.causal", false);
        metadata.count("tokenizer.ggml.token_type_count", json.intOr("type_vocab_size", 2, 1));
        noteGelu("vectors");
    }

    private void noteGelu(String what) throws CheckpointException {
        if (json.stringOr("hidden_act", GELU).equals(GELU)) {
            notes.add("llama.cpp computes GELU by its approximation with tanh: " + what
                    + " differ in their third or fourth digit");
        }
    }

    private void gpt2() throws CheckpointException {
        config.requireOneOf("activation_function", "gelu_new", Set.of("gelu_new", "gelu_pytorch_tanh"));
        config.requireFlag("scale_attn_weights", true);
        config.requireFlag("scale_attn_by_inverse_layer_idx", false);
        config.requireFlag("add_cross_attention", false);
        metadata.number(key + "attention.layer_norm_epsilon", config.layerNormEps());
    }

    private void llama() throws CheckpointException {
        config.requireOneOf("hidden_act", "silu", SILU);
        // Mistral's is there where the key is not, and is none where it is null or no layer has it
        int absent = config.isMistral() && !config.isNull("sliding_window") ? 4096 : 0;
        int window = config.isMistral() && !config.slides() ? 0 : json.intOr("sliding_window", absent, 1);
        if (window > 0) {
            metadata.count(key + "attention.sliding_window", window);
        }
        noteWindow(window);
    }

    private void ministral3() throws CheckpointException {
        config.requireOneOf("hidden_act", "silu", SILU);
        JsonObject rope = config.rope();
        double growth = rope == null ? 0 : rope.requireDouble("llama_4_scaling_beta");
        metadata.number(key + "attention.temperature_scale", growth);
        noteWindow(json.intOr("sliding_window", 0, 1));
    }

    /** To llama.cpp every block has a mixture, and the weights of a token's experts sum to one. */
    private void qwen3Moe() throws CheckpointException {
        qwen();
        if (!json.booleanOr("norm_topk_prob", false)) {
            throw json.fault("norm_topk_prob", "must be true for llama.cpp, found false");
        }
    }

    /** To llama.cpp every block has a mixture, and the weights of a token's experts are as the router says. */
    private void qwen2Moe() throws CheckpointException {
        config.requireOneOf("hidden_act", "silu", SILU);
        config.requireFlag("use_sliding_window", false);
        config.requireFlag("norm_topk_prob", false);
        config.requireLayerTypes(layer -> false);
        config.requireHiddenHeads();
    }

    /** By the second norm llama.cpp knows whether parts follow each other. */
    private void stableLm() throws CheckpointException {
        config.requireOneOf("hidden_act", "silu", SILU);
        config.requireHiddenHeads();
        metadata.flag(key + "use_parallel_residual", json.booleanOr("use_parallel_residual", false));
    }

    /** To llama.cpp heads of keys and of values are of one size. */
    private void qwen35() throws CheckpointException {
        requireNoAttentionBias();
        config.requireOneOf("hidden_act", "silu", SILU);
        config.requireFlag("attn_output_gate", true);
        LinearHeads heads = config.linearHeads();
        int size = json.intOr("linear_value_head_dim", 128, 1);
        if (size != heads.keyDim()) {
            throw json.fault(
                    "linear_value_head_dim",
                    "is " + size + ", where llama.cpp computes with that of linear_key_head_dim, " + heads.keyDim());
        }
        metadata.count(key + "ssm.conv_kernel", json.intOr("linear_conv_kernel_dim", 4, 1));
        metadata.count(key + "ssm.state_size", size);
        metadata.count(key + "ssm.group_count", heads.keyHeads());
        metadata.count(key + "ssm.time_step_rank", heads.valueHeads());
        metadata.count(key + "ssm.inner_size", (long) heads.valueHeads() * size);
        int interval = json.intOr("full_attention_interval", 4, 1);
        boolean[] linear = new boolean[config.layers()];
        boolean regular = true;
        for (int i = 0; i < linear.length; i++) {
            linear[i] = config.remembers(i);
            regular &= linear[i] == ((i + 1) % interval != 0);
        }
        if (regular) {
            metadata.count(key + "full_attention_interval", interval);
        } else {
            metadata.flags(key + "attention.recurrent_layers", linear);
            notes.add("not every " + interval
                    + "th layer, and no other, has full attention: versions of llama.cpp that do"
                    + " not read attention.recurrent_layers take it for so");
        }
    }

    /** To llama.cpp the weights of a token's experts are as the router says, and keys as wide as the hidden states. */
    private void olmoe() throws CheckpointException {
        requireNoAttentionBias();
        config.requireOneOf("hidden_act", "silu", SILU);
        config.requireFlag("norm_topk_prob", false);
        config.requireHiddenHeads();
        if (config.keyValueHeads() != config.heads()) {
            throw json.fault(
                    "num_key_value_heads",
                    "is " + config.keyValueHeads() + ", where llama.cpp computes with " + config.heads());
        }
        if (json.has("clip_qkv")) {
            throw json.fault("clip_qkv", "is set, and llama.cpp has none for olmoe");
        }
    }

    /** To llama.cpp every other layer has a window, and attention has biases; of the rotation it rounds the limits of yarn. */
    private void gptOss() throws CheckpointException {
        config.requireFlag("attention_bias", true);
        config.requireOneOf("hidden_act", "silu", SILU);
        if (json.doubleOr("swiglu_limit", 7) != 7) {
            throw json.fault("swiglu_limit", "must be 7 for llama.cpp, found " + json.doubleOr("swiglu_limit", 7));
        }
        config.requireLayerTypes(layer -> layer % 2 == 0);
        if (config.isNull("sliding_window")) {
            throw json.fault("sliding_window", "is null, and llama.cpp always has a window in every other layer");
        }
        metadata.count(key + "attention.sliding_window", json.intOr("sliding_window", 128, 1));
        if (config.rope() == null) {
            throw json.fault("rope_scaling", "is missing, where Transformers takes a yarn of its own: state it");
        }
        if (new RopeScaling(config).hasBrokenLimits()) {
            notes.add(
                    "llama.cpp rounds the limits of yarn to whole pairs of a head, which this model does not (truncate false):"
                            + " the pairs between them turn by somewhat other angles there, the more the longer a text is");
        }
    }

    /** llama.cpp reads the key and computes without a window. */
    private void noteWindow(int window) throws CheckpointException {
        if (window > 0 && window < config.maxPositions()) {
            notes.add("llama.cpp has no sliding window for this architecture: from " + window
                    + " tokens on it attends to more than the model was trained with");
        }
    }

    /** llama.cpp has places for biases in llama's attention, and qwen2's always has its own. */
    private void requireNoAttentionBias() throws CheckpointException {
        config.requireFlag("attention_bias", false);
    }

    private void qwen() throws CheckpointException {
        if (config.architecture() != GgufArchitecture.QWEN2) {
            requireNoAttentionBias();
        }
        config.requireOneOf("hidden_act", "silu", SILU);
        config.requireFlag("use_sliding_window", false);
        config.requireLayerTypes(layer -> false);
    }

    /** To llama.cpp queries and keys have no norms, and the output embedding is one of its own. */
    private void phi2() throws CheckpointException {
        config.requireOneOf("hidden_act", "gelu_new", Set.of("gelu_new", "gelu_pytorch_tanh"));
        config.requireFlag("qk_layernorm", false);
        config.requireFlag("tie_word_embeddings", false);
    }

    /** To llama.cpp all layers have biases. */
    private void starcoder2() throws CheckpointException {
        config.requireOneOf("hidden_act", "gelu_pytorch_tanh", Set.of("gelu_new", "gelu_pytorch_tanh"));
        config.requireFlag("use_bias", true);
        noteWindow(json.intOr("sliding_window", 0, 1));
    }

    /** To llama.cpp all layers have biases, and there is one GELU. */
    private void gptNeox() throws CheckpointException {
        config.requireOneOf("hidden_act", GELU, GELUS);
        config.requireFlag("attention_bias", true);
        metadata.flag(key + "use_parallel_residual", json.booleanOr("use_parallel_residual", true));
        noteGelu("logits");
    }

    private void phi3() throws CheckpointException {
        requireNoAttentionBias();
        config.requireOneOf("hidden_act", "silu", SILU);
        int window = json.intOr("sliding_window", 0, 1);
        // 0 tells llama.cpp that there is none
        metadata.count(key + "attention.sliding_window", window);
        noteWindow(window);
    }

    /** llama.cpp reads no key for the layers without rotation, and has no place for biases. */
    private void smollm3() throws CheckpointException {
        qwen();
        config.requireFlag("mlp_bias", false);
        String computed = ", where llama.cpp rotates all but every fourth layer";
        JsonNode rotates = json.node("no_rope_layers");
        int interval = json.intOr("no_rope_layer_interval", 4, 1);
        if (rotates == null && interval != 4) {
            throw json.fault("no_rope_layer_interval", "is " + interval + computed);
        }
        for (int i = 0; rotates != null && i < rotates.size(); i++) {
            if ((rotates.get(i).asInt() != 0) == ((i + 1) % 4 == 0)) {
                throw json.fault("no_rope_layers", "has " + rotates.get(i) + " for layer " + i + computed);
            }
        }
    }

    private void granite() throws CheckpointException {
        config.requireOneOf("hidden_act", "silu", SILU);
        multiplier("embedding_multiplier", "embedding_scale");
        multiplier("residual_multiplier", "residual_scale");
        multiplier("attention_multiplier", "attention.scale");
        multiplier("logits_scaling", "logit_scale");
        if (config.isGranite4()) {
            MemoryParameters.granite4(config, metadata, key);
        }
    }

    /** To llama.cpp 0 is none. */
    private void multiplier(String name, String written) throws CheckpointException {
        double value = json.doubleOr(name, 1);
        if (!(value > 0)) {
            throw json.fault(name, "must be above 0, found " + value);
        }
        metadata.number(key + written, value);
    }

    /** llama.cpp has no place for biases, and every fourth layer sees all where there is a window. */
    private void olmo2() throws CheckpointException {
        requireNoAttentionBias();
        config.requireOneOf("hidden_act", "silu", SILU);
        config.requireHiddenHeads();
        if (!config.isOlmo3()) {
            return;
        }
        config.requireLayerTypes(layer -> (layer + 1) % 4 != 0);
        if (config.isNull("sliding_window")) {
            throw json.fault("sliding_window", "is null, and llama.cpp rotates all layers alike where there is none");
        }
        metadata.count(key + "attention.sliding_window", json.intOr("sliding_window", 4096, 1));
        notes.add("versions of llama.cpp that do not know OLMo 3 (before September 2025) take it for an OLMo 2, without"
                + " a window");
    }
}
