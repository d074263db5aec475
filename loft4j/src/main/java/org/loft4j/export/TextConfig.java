package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.export.TensorPlace.Change;
import org.loft4j.io.Granite4Keys;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.Lfm2Keys;
import org.loft4j.io.QuantisedConfig;
import org.loft4j.io.QwenTower;
import org.loft4j.io.RopeKeys;

/** The part of config.json that describes the language model, under the names that most families use. */
final class TextConfig {
    private static final String MODEL_TYPE = "model_type";
    private static final String TEXT = "text_config";

    private final GgufArchitecture architecture;
    private final JsonObject root;
    private final JsonObject json;

    private TextConfig(GgufArchitecture architecture, JsonObject root, JsonObject json) {
        this.architecture = architecture;
        this.root = root;
        this.json = json;
    }

    static TextConfig read(Path directory) throws CheckpointException {
        return of(Json.read(directory.resolve("config.json")));
    }

    /** @param root config.json */
    static TextConfig of(JsonObject root) throws CheckpointException {
        GgufArchitecture named = GgufArchitecture.of(root.requireString(MODEL_TYPE));
        boolean granite4 = named == GgufArchitecture.GRANITEHYBRID;
        JsonObject found = ofLanguageModel(root);
        boolean neox = named == GgufArchitecture.GPTNEOX;
        JsonObject text = granite4 ? Granite4Keys.plain(found) : neox ? RopeKeys.ofNeox(found) : found;
        return new TextConfig(architecture(named, text), root, text);
    }

    /** The architecture of what llama.cpp has several for, by the settings. */
    private static GgufArchitecture architecture(GgufArchitecture named, JsonObject text) throws CheckpointException {
        return switch (named) {
            case LLAMA -> isMinistral3(text) ? GgufArchitecture.MISTRAL3 : named;
            case GEMMA3 ->
                text.booleanOr("use_bidirectional_attention", false) ? GgufArchitecture.GEMMA_EMBEDDING : named;
            case GRANITEHYBRID ->
                MemoryParameters.hasStates(text)
                        ? named
                        : Mixtures.ofGranite4(text) > 0 ? GgufArchitecture.GRANITEMOE : GgufArchitecture.GRANITE;
            default -> named;
        };
    }

    /** The part that describes the language model, which is all of it where there is nothing beside. */
    static JsonObject ofLanguageModel(JsonObject config) throws CheckpointException {
        if (QwenTower.holdsFamilyAlone(config)) {
            return QwenTower.alone(config);
        }
        JsonObject text = config.findObject(TEXT);
        return text == null ? config : text;
    }

    /** Whether the language model is Ministral 3's. */
    static boolean isMinistral3(JsonObject config) throws CheckpointException {
        return ofLanguageModel(config).stringOr(MODEL_TYPE, "").equals("ministral3");
    }

    /** Refuses a model whose weights are quantised; an adapter of such a one has numbers of its own. */
    void requireFullWeights() throws CheckpointException {
        if (isQuantised(root)) {
            throw root.fault(
                    QuantisedConfig.KEY,
                    "is set: a quantised checkpoint cannot be exported; export the one that it was made from");
        }
    }

    /** Whether a config.json is that of a model whose weights are quantised, other than the experts of gpt-oss. */
    static boolean isQuantised(JsonObject root) {
        return QuantisedConfig.unread(root) != null;
    }

    GgufArchitecture architecture() {
        return architecture;
    }

    /** Refuses a classifier on what llama.cpp makes vectors with. */
    void requireNoClassifier() throws CheckpointException {
        for (String name : root.strings("architectures")) {
            if (architecture.makesVectors() && name.contains("Classification")) {
                throw root.fault(
                        "architectures",
                        "names " + name + ", and of " + architecture.key()
                                + " GGUF is written for vectors of texts alone, not for classes");
            }
        }
    }

    /** Whether one of the classes of Transformers that the file names writes texts. */
    boolean writes() throws CheckpointException {
        return root.strings("architectures").stream().anyMatch(name -> name.matches(".*(ForCausalLM|LMHeadModel)"));
    }

    /** Whether the language model is of a family without a tower, and lies beside one: that of a Qwen-VL. */
    boolean liesBesideTower() throws CheckpointException {
        return QwenTower.holdsFamilyAlone(root);
    }

    JsonObject json() {
        return json;
    }

    /** A value that may stand beside the settings of a language model as well as within them. */
    @Nullable
    JsonNode either(String key) {
        return json.has(key) ? json.node(key) : root.node(key);
    }

    private boolean gpt2() {
        return architecture == GgufArchitecture.GPT2;
    }

    /** Mistral or Ministral, which are llama to llama.cpp. */
    boolean isMistral() throws CheckpointException {
        return Set.of("mistral", "ministral").contains(json.stringOr(MODEL_TYPE, ""))
                || root.stringOr(MODEL_TYPE, "").equals("mistral3");
    }

    /** Mixtral, which is llama to llama.cpp as well. */
    boolean isMixtral() throws CheckpointException {
        return json.stringOr(MODEL_TYPE, "").equals("mixtral");
    }

    /** OLMo 3, which is olmo2 to llama.cpp. */
    boolean isOlmo3() throws CheckpointException {
        return json.stringOr(MODEL_TYPE, "").equals("olmo3");
    }

    /** Granite 4, be it {@code granite} or {@code granitehybrid} to llama.cpp. */
    boolean isGranite4() throws CheckpointException {
        return json.stringOr(MODEL_TYPE, "").equals("granitemoehybrid");
    }

    /** GLM-4.7-Flash, which is deepseek2 to llama.cpp. */
    boolean isGlmLite() throws CheckpointException {
        return json.stringOr(MODEL_TYPE, "").equals("glm4_moe_lite");
    }

    /** DeepSeek V2, which is deepseek2 to llama.cpp as DeepSeek V3 is. */
    boolean isDeepseekV2() throws CheckpointException {
        return json.stringOr(MODEL_TYPE, "").equals("deepseek_v2");
    }

    /** Whether a block has a memory for attention. */
    boolean remembers(int block) throws CheckpointException {
        return architecture.remembers() && MemoryParameters.remembers(this, block);
    }

    /** How Gemma 4's layers differ. */
    Gemma4Layers gemma4Layers() throws CheckpointException {
        return Gemma4Layers.of(json, layers());
    }

    /** The heads of linear attention. */
    LinearHeads linearHeads() throws CheckpointException {
        return new LinearHeads(
                json.intOr("linear_num_key_heads", 16, 1),
                json.intOr("linear_num_value_heads", 32, 1),
                json.intOr("linear_key_head_dim", 128, 1));
    }

    /** Rows of a matrix, a vector or a factor {@code (out, r)} in llama.cpp's order. */
    Tensor reorderedRows(Tensor rows, Change change) throws CheckpointException {
        return switch (change) {
            case QUERY_ROWS -> HeadRows.interleaved(rows, heads());
            case KEY_ROWS -> HeadRows.interleaved(rows, keyValueHeads());
            case BY_KIND -> HeadRows.byKind(rows, heads());
            case VALUE_ROWS -> linearHeads().rows(rows);
            case ROWS_BEHIND_KEYS -> linearHeads().behindKeys(rows);
            case FIRST_ROWS -> rows.narrow(-2, 0, rows.size(-2) / 2);
            case LAST_ROWS -> rows.narrow(-2, rows.size(-2) / 2, rows.size(-2) / 2);
            default -> rows;
        };
    }

    /** Columns of a matrix or a factor {@code (r, in)} in llama.cpp's order. */
    Tensor reorderedColumns(Tensor columns, Change change) throws CheckpointException {
        return change == Change.VALUE_COLUMNS ? linearHeads().rows(columns.t()).t() : columns;
    }

    int hiddenSize() throws CheckpointException {
        return json.requireInt(gpt2() ? json.eitherKey("hidden_size", "n_embd") : "hidden_size", 1);
    }

    /** Width of the vector of each token that a layer is given; 0 for none. */
    int inputWidth() throws CheckpointException {
        return architecture == GgufArchitecture.GEMMA4 ? json.intOr("hidden_size_per_layer_input", 256, 0) : 0;
    }

    int layers() throws CheckpointException {
        return json.requireInt(gpt2() ? json.eitherKey("num_hidden_layers", "n_layer") : "num_hidden_layers", 1);
    }

    int heads() throws CheckpointException {
        String key = gpt2() ? json.eitherKey("num_attention_heads", "n_head") : "num_attention_heads";
        // Gemma 3 4B does not say, and Transformers assumes as many
        boolean silent = architecture.isGemma() || architecture == GgufArchitecture.GEMMA4;
        return silent ? json.intOr(key, 8, 1) : json.requireInt(key, 1);
    }

    int keyValueHeads() throws CheckpointException {
        // null means as many as heads
        boolean silent = !json.keys().contains("num_key_value_heads");
        return gpt2() ? heads() : json.intOr("num_key_value_heads", silent ? silentKeyValueHeads() : heads(), 1);
    }

    /** What Transformers assumes where the key is missing. */
    private int silentKeyValueHeads() throws CheckpointException {
        return switch (architecture) {
            case GEMMA2, GEMMA3, GEMMA_EMBEDDING, GEMMA4, SMOLLM3 -> 4;
            case LFM2, SEED_OSS, GLM4MOE -> 8;
            case GEMMA, QWEN2MOE -> 16;
            case STARCODER2, GLM4, ERNIE4_5 -> 2;
            case QWEN2, QWEN3, EXAONE4, STABLELM -> 32;
            case QWEN3MOE, QWEN35 -> 4;
            case QWEN35MOE -> 2;
            case MISTRAL3 -> 8;
            case GPT_OSS -> 8;
            default -> isMistral() || isMixtral() ? 8 : heads();
        };
    }

    /** In Gemma 4 that of the layers without a window, in latent attention what of it is turned. */
    int headDim() throws CheckpointException {
        if (architecture == GgufArchitecture.GEMMA4) {
            return gemma4Layers().headDim(false);
        }
        if (architecture == GgufArchitecture.DEEPSEEK2) {
            return LatentParameters.turned(this);
        }
        int absent = switch (architecture) {
            case GEMMA, GEMMA2, GEMMA3, GEMMA_EMBEDDING, QWEN35, QWEN35MOE -> 256;
            case QWEN3, MISTRAL3, GLM4, SEED_OSS, ERNIE4_5 -> 128;
            case GPT_OSS -> 64;
            default -> hiddenSize() / heads();
        };
        return json.intOr("head_dim", absent, 1);
    }

    /** Refuses heads that are not as wide together as the hidden states. */
    void requireHiddenHeads() throws CheckpointException {
        int computed = hiddenSize() / heads();
        if (headDim() != computed) {
            throw json.fault("head_dim", "is " + headDim() + ", where llama.cpp computes with " + computed);
        }
    }

    double rmsNormEps() throws CheckpointException {
        if (architecture == GgufArchitecture.LFM2) {
            return json.doubleOr("norm_eps", 1e-5);
        }
        boolean larger = switch (architecture) {
            case PHI3, OLMO2, OLMOE, GPT_OSS, MISTRAL3, ERNIE4_5, EXAONE4, GLM4MOE -> true;
            default -> isMixtral() || isGlmLite();
        };
        if (architecture == GgufArchitecture.GLM4) {
            return json.doubleOr("rms_norm_eps", 1.5625e-7);
        }
        return json.doubleOr("rms_norm_eps", larger ? 1e-5 : 1e-6);
    }

    /** What layer norms add to the variance. */
    double layerNormEps() throws CheckpointException {
        return json.doubleOr(
                switch (architecture) {
                    case GPT2 -> "layer_norm_epsilon";
                    case PHI2, COMMAND_R, COHERE2, GPTNEOX, STABLELM -> "layer_norm_eps";
                    default -> "norm_epsilon";
                },
                1e-5);
    }

    int feedForward() throws CheckpointException {
        if (architecture == GgufArchitecture.LFM2) {
            return Math.toIntExact(Lfm2Keys.width(json));
        }
        if (isGranite4() && Mixtures.ofGranite4(json) == 0) {
            return json.intOr("shared_intermediate_size", 1024, 1);
        }
        if (architecture == GgufArchitecture.QWEN35MOE) {
            return json.intOr("moe_intermediate_size", 512, 1);
        }
        return gpt2() ? json.intOr("n_inner", 4 * hiddenSize(), 1) : json.requireInt("intermediate_size", 1);
    }

    int maxPositions() throws CheckpointException {
        return switch (architecture) {
            case GPT2 ->
                json.intOr(json.eitherKey("max_position_embeddings", "n_positions"), json.intOr("n_ctx", 1024, 1), 1);
            case GEMMA, GEMMA2 -> json.intOr("max_position_embeddings", 8192, 1);
            case GEMMA3, GEMMA_EMBEDDING, GEMMA4, GPT_OSS, GLM4, GLM4MOE, ERNIE4_5 ->
                json.intOr("max_position_embeddings", 131072, 1);
            case SMOLLM3, QWEN2MOE, QWEN3MOE, QWEN35, QWEN35MOE -> json.intOr("max_position_embeddings", 32768, 1);
            case OLMOE, STABLELM, STARCODER2 -> json.intOr("max_position_embeddings", 4096, 1);
            case LFM2 -> json.intOr("max_position_embeddings", 128000, 1);
            case DEEPSEEK2 ->
                json.intOr("max_position_embeddings", isGlmLite() ? 202752 : isDeepseekV2() ? 2048 : 4096, 1);
            case MISTRAL3 -> json.intOr("max_position_embeddings", 262144, 1);
            case SEED_OSS -> json.intOr("max_position_embeddings", 524288, 1);
            case COMMAND_R, COHERE2 ->
                Math.max(json.intOr("max_position_embeddings", 8192, 1), json.intOr("model_max_length", 1, 1));
            case GRANITE, GRANITEMOE, GRANITEHYBRID, PHI2, GPTNEOX, EXAONE4 ->
                json.intOr("max_position_embeddings", 2048, 1);
            default ->
                isMixtral()
                        ? json.intOr("max_position_embeddings", 131072, 1)
                        : json.requireInt("max_position_embeddings", 1);
        };
    }

    /** The object with the scaling of the rotation; in Gemma 3 and 4 and OLMo 3 that of the layers without a window. */
    @Nullable
    JsonObject rope() throws CheckpointException {
        return architecture.isGemma3() || architecture == GgufArchitecture.GEMMA4 || isOlmo3()
                ? RopeKeys.ofFullAttention(json)
                : RopeKeys.ofAllLayers(json);
    }

    /** Dimensions of a head that are rotated. */
    int rotaryDim() throws CheckpointException {
        double absent = switch (architecture) {
            case QWEN35, QWEN35MOE, GPTNEOX, STABLELM -> 0.25;
            case PHI2, GLM4, GLM4MOE -> 0.5;
            default -> 1;
        };
        double share = RopeKeys.share(json, rope(), absent);
        if (share != 1 && absent == 1 && architecture != GgufArchitecture.PHI3) {
            throw json.fault(
                    "partial_rotary_factor", "is " + share + ", which llama.cpp cannot do for " + architecture.key());
        }
        return (int) (share * headDim());
    }

    /** Whether the output embedding is the input's, by the file or by the family's default. */
    boolean tied() throws CheckpointException {
        return TiedFamilies.tied(root);
    }

    /** Refuses a value that llama.cpp does not compute with. */
    void requireOneOf(String key, String absent, Set<String> values) throws CheckpointException {
        String value = json.stringOr(key, absent);
        if (!values.contains(value)) {
            throw json.fault(key, "must be " + String.join(" or ", values) + " for llama.cpp, found " + value);
        }
    }

    /** Refuses a flag whose value llama.cpp does not compute with. */
    void requireFlag(String key, boolean value) throws CheckpointException {
        if (json.booleanOr(key, value) != value) {
            throw json.fault(key, "must be " + value + " for llama.cpp, found " + !value);
        }
    }

    /** Whether a key is there with the value {@code null}, which differs from its default. */
    boolean isNull(String key) {
        return json.keys().contains(key) && !json.has(key);
    }

    /** Whether a list of the layers' kinds, which may be absent, leaves a window to one of them. */
    boolean slides() throws CheckpointException {
        List<String> types = json.strings("layer_types");
        return types.isEmpty() || types.contains("sliding_attention");
    }

    /** Refuses a list of the layers' kinds that is not the pattern llama.cpp computes; a list may be absent. */
    void requireLayerTypes(java.util.function.IntPredicate sliding) throws CheckpointException {
        JsonNode types = json.node("layer_types");
        for (int i = 0; types != null && i < types.size(); i++) {
            String expected = sliding.test(i) ? "sliding_attention" : "full_attention";
            if (!types.get(i).asText().equals(expected)) {
                throw json.fault(
                        "layer_types",
                        "has " + types.get(i).asText() + " for layer " + i + ", where llama.cpp computes " + expected);
            }
        }
    }
}
