package org.loft4j.model.gptneo;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.ModelLimits;
import org.loft4j.nn.Activation;

/**
 * The shape of a GPT-Neo model, as its config.json states it; {@code num_hidden_layers} and {@code num_attention_heads} are other names of
 * two of its keys.
 *
 * @param sizes what all decoders have: {@code layers} are {@code num_layers}, {@code heads} {@code num_heads}, {@code activation} {@code
 *     activation_function}, and {@code rmsNormEps} is {@code layer_norm_epsilon}
 * @param windows how many tokens each block sees, one for each: {@code window_size} where {@code attention_types} says local, else 0 for all
 *     before a token
 * @param embeddingDropout {@code embed_dropout}, while training
 * @param residualDropout {@code resid_dropout}, on what each part of a block adds, while training
 * @param classifierDropout before a classifier of tokens, while training
 */
public record GptNeoConfig(
        DecoderConfig sizes,
        List<Long> windows,
        double embeddingDropout,
        double residualDropout,
        double classifierDropout) {
    private static final String TYPES = "attention_types";
    private static final String TYPES_BY_LAYER = "attention_layers";
    private static final String WINDOW = "window_size";
    private static final String ACTIVATION = "activation_function";
    private static final String EPS = "layer_norm_epsilon";
    private static final String POSITIONS = "max_position_embeddings";
    private static final String GLOBAL = "global";
    private static final String LOCAL = "local";

    private static final Set<String> HONOURED = Set.of(
            ConfigKeys.TIED,
            TYPES,
            TYPES_BY_LAYER,
            WINDOW,
            ACTIVATION,
            EPS,
            POSITIONS,
            "vocab_size",
            "hidden_size",
            "num_layers",
            "num_hidden_layers",
            "num_heads",
            "num_attention_heads",
            "intermediate_size",
            "resid_dropout",
            "embed_dropout",
            "attention_dropout",
            "classifier_dropout",
            // of a head that is not built here
            "summary_type",
            "summary_use_proj",
            "summary_activation",
            "summary_proj_to_labels",
            "summary_first_dropout");

    public GptNeoConfig {
        windows = List.copyOf(windows);
        Checks.fraction("embed_dropout", embeddingDropout);
        Checks.fraction("resid_dropout", residualDropout);
        Checks.fraction("classifier_dropout", classifierDropout);
    }

    /** Reads config.json. */
    public static GptNeoConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkCausal(json, HONOURED);
        DecoderConfig sizes = sizes(json);
        long window = Checks.within(WINDOW, json.longOr(WINDOW, 256), 1, Integer.MAX_VALUE);
        return new GptNeoConfig(
                sizes,
                types(json, sizes.layers()).stream()
                        .map(type -> type.equals(LOCAL) ? window : 0)
                        .toList(),
                json.doubleOr("embed_dropout", 0),
                json.doubleOr("resid_dropout", 0),
                json.doubleOr("classifier_dropout", 0.1));
    }

    private static DecoderConfig sizes(JsonObject json) throws CheckpointException {
        long hidden = json.longOr("hidden_size", 2048);
        int heads = json.intOr(json.eitherKey("num_attention_heads", "num_heads"), 16, 1);
        if (hidden % heads != 0) {
            throw new ConfigException("hidden_size must be a multiple of num_heads, got " + hidden + " and " + heads);
        }
        return new DecoderConfig(
                json.requireLong("vocab_size"),
                hidden,
                json.intOr(json.eitherKey("num_hidden_layers", "num_layers"), 24, 1),
                heads,
                heads,
                DecoderConfig.headDim(hidden, heads),
                json.longOr("intermediate_size", 4 * hidden),
                maxPositions(json),
                Checks.positive(EPS, json.doubleOr(EPS, 1e-5)),
                json.booleanOr(ConfigKeys.TIED, true),
                json.doubleOr("attention_dropout", 0),
                json.doubleOr("initializer_range", 0.02),
                Activation.parse(ACTIVATION, json.stringOr(ACTIVATION, "gelu_new")),
                json.longOr("pad_token_id", -1));
    }

    /** What each block sees: lists of types, each so many times, such as {@code [[["global", "local"], 12]]}. */
    private static List<String> types(JsonObject json, int layers) throws CheckpointException {
        List<String> types = new ArrayList<>();
        JsonNode groups = json.node(TYPES);
        if (groups == null) {
            for (int i = 0; i < 24; i++) {
                types.add(i % 2 == 0 ? GLOBAL : LOCAL);
            }
        } else {
            for (JsonNode group : groups) {
                add(types, group, json);
            }
        }
        if (types.size() != layers) {
            throw json.fault(TYPES, "must name as many layers as num_layers, " + layers + ", found " + types.size());
        }
        if (json.has(TYPES_BY_LAYER) && !json.strings(TYPES_BY_LAYER).equals(types)) {
            throw json.fault(
                    TYPES_BY_LAYER,
                    "must be what " + TYPES + " makes, " + types + ", found " + json.strings(TYPES_BY_LAYER));
        }
        return types;
    }

    private static void add(List<String> types, JsonNode group, JsonObject json) throws CheckpointException {
        JsonNode times = group.path(1);
        if (!group.path(0).isArray()
                || group.path(0).isEmpty()
                || !times.canConvertToInt()
                || !times.isIntegralNumber()) {
            throw json.fault(
                    TYPES, "must hold lists of types with a number of times, such as [[\"global\", \"local\"], 12]");
        }
        for (int i = 0; i < times.intValue() && types.size() <= ModelLimits.MOST_LAYERS; i++) {
            for (JsonNode type : group.path(0)) {
                types.add(known(type.asText(), json));
            }
        }
    }

    private static String known(String type, JsonObject json) throws CheckpointException {
        if (!type.equals(GLOBAL) && !type.equals(LOCAL)) {
            throw json.fault(TYPES, "may hold global and local only, found " + type);
        }
        return type;
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return json.longOr(POSITIONS, 2048);
    }
}
