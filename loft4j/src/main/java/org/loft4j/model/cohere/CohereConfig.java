package org.loft4j.model.cohere;

import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.LongNode;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Cohere or Cohere 2 model, as its config.json states it.
 *
 * @param sizes what all decoders state; {@code rmsNormEps} is {@code layer_norm_eps}
 * @param attentionBias whether q, k, v and o have biases
 * @param queryKeyNorm {@code use_qk_norm}: whether each head of queries and keys has a norm
 * @param logitScale {@code logit_scale} that the logits are multiplied by
 * @param placement for each block its rotation, in float32, and its window
 * @param classifierDropout before a classifier of tokens, while training
 */
public record CohereConfig(
        DecoderConfig sizes,
        boolean attentionBias,
        boolean queryKeyNorm,
        double logitScale,
        List<Placement> placement,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(0, 0, 8192, 1e-5, true, "hidden_act", "silu");

    private static final String EPS = "layer_norm_eps";
    private static final String SCALE = "logit_scale";
    private static final String LONGEST = "max_position_embeddings";
    private static final String TRAINED_LENGTH = "model_max_length";
    private static final String PATTERN = "sliding_window_pattern";

    private static final Set<String> HONOURED = Set.of(EPS, SCALE, TRAINED_LENGTH, "attention_bias", "use_qk_norm");

    /** Files of Cohere 2 state them; what they say of the layers is in the types and the window as well. */
    private static final Set<String> HONOURED_OF_SECOND = Set.of(
            EPS,
            SCALE,
            TRAINED_LENGTH,
            "attention_bias",
            "use_qk_norm",
            "sliding_window",
            "layer_types",
            PATTERN,
            "layer_switch",
            "order_of_interleaved_layers",
            "position_embedding_type",
            "rotary_pct",
            "use_embedding_sharing",
            "use_gated_activation",
            "use_parallel_block",
            "use_parallel_embedding");

    public CohereConfig {
        placement = List.copyOf(placement);
        Checks.positive(SCALE, logitScale);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static CohereConfig from(JsonObject config) throws CheckpointException {
        boolean second = config.requireString("model_type").equals(CohereModel.SECOND);
        ConfigKeys.checkDecoder(config, second ? HONOURED_OF_SECOND : HONOURED);
        JsonObject json = config.withAbsent(Map.of("pad_token_id", 0L))
                .with("rms_norm_eps", DoubleNode.valueOf(eps(config)))
                .with(LONGEST, LongNode.valueOf(trainedLength(config)));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new CohereConfig(
                sizes,
                json.booleanOr("attention_bias", false),
                !second && json.booleanOr("use_qk_norm", false),
                json.doubleOr(SCALE, 0.0625),
                second ? second(json, sizes) : first(json, sizes),
                DecoderConfig.tokenClassifierDropout(json));
    }

    private static double eps(JsonObject json) throws CheckpointException {
        double eps = json.doubleOr(EPS, ABSENT.rmsNormEps());
        Checks.positive(EPS, eps);
        return eps;
    }

    private static List<Placement> first(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        return Collections.nCopies(sizes.layers(), new Placement(rope(json, sizes, 500_000), 0));
    }

    /** All but every fourth block have a window, where the file has no types; those without one are not turned. */
    private static List<Placement> second(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        ConfigKeys.require(json, "use_qk_norm", "false");
        ConfigKeys.require(json, "use_parallel_block", "true");
        ConfigKeys.require(json, "use_gated_activation", "true");
        ConfigKeys.require(json, "position_embedding_type", "rope_gptj");
        ConfigKeys.require(json, "rotary_pct", "1.0", "1");
        if (!json.has("layer_types") && json.intOr(PATTERN, 4, 1) != 4) {
            throw json.fault(
                    PATTERN,
                    "is " + json.intOr(PATTERN, 4, 1)
                            + " where there are no layer_types, and versions of Transformers take it for 4: state layer_types");
        }
        long window = LayerTypes.window(json, 4096);
        List<Boolean> sliding = LayerTypes.sliding(json, sizes.layers(), i -> (i + 1) % 4 != 0);
        if (window == 0 && sliding.contains(true)) {
            throw json.fault("sliding_window", "is null, but layers of sliding_attention need a window");
        }
        Placement windowed = new Placement(rope(json, sizes, 10_000), window);
        Placement full = new Placement(null, 0);
        return sliding.stream().map(slides -> slides ? windowed : full).toList();
    }

    private static Rope rope(JsonObject json, DecoderConfig sizes, double theta) throws CheckpointException {
        return Rope.from(json, sizes, theta).widened().ofNeighbours();
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(
                json.with(LONGEST, LongNode.valueOf(trainedLength(json))), ABSENT.maxPositions());
    }

    /** Files of Command R state a length that is shorter than that of training beside this; a scaling goes by the former. */
    private static long trainedLength(JsonObject json) throws CheckpointException {
        long stated = json.longOr(LONGEST, ABSENT.maxPositions());
        boolean plain = RopeKeys.type(RopeKeys.ofAllLayers(json)).equals("default");
        return plain ? Math.max(stated, json.longOr(TRAINED_LENGTH, 0)) : stated;
    }
}
