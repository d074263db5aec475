package org.loft4j.model.mistral;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;
import org.loft4j.nn.RopeScaling;

/**
 * The shape of a Mistral or Ministral model, as its config.json states it, or the {@code text_config} in that of a model with
 * a vision tower. A Mistral with {@code layer_types} is a Ministral, as
 * Transformers has it: the window is that of the layers which slide, of all where there is no list.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param windows for each block how many tokens each sees, itself the last of them; 0 for all before it
 * @param classifierDropout before a classifier of tokens, while training
 */
public record MistralConfig(DecoderConfig sizes, Rope rope, List<Long> windows, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(8, 0, 131072, 1e-6, false, "hidden_act", "silu");

    /** What Transformers' Ministral3Config assumes. */
    private static final DecoderConfig.Defaults ABSENT_IN_THIRD =
            new DecoderConfig.Defaults(8, 128, 262144, 1e-5, false, "hidden_act", "silu");

    private static final String GROWTH = "llama_4_scaling_beta";

    private static final Set<String> OF_IMAGES =
            Set.of("multimodal_projector_bias", "projector_hidden_act", "spatial_merge_size", "vision_feature_layer");

    public MistralConfig {
        windows = List.copyOf(windows);
    }

    /** Reads config.json. */
    public static MistralConfig from(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        if (isInside(config)) {
            ConfigKeys.checkAround(config, OF_IMAGES);
        }
        ConfigKeys.checkDecoder(json, Set.of("sliding_window", "layer_types"));
        boolean third = isThird(json);
        DecoderConfig sizes = DecoderConfig.from(json, third ? ABSENT_IN_THIRD : ABSENT);
        long window = LayerTypes.window(json, third ? 0 : 4096);
        // Transformers has one mask for all layers of a Ministral 3, whatever layer_types says
        List<Boolean> sliding =
                third ? Collections.nCopies(sizes.layers(), true) : LayerTypes.sliding(json, sizes.layers(), i -> true);
        return new MistralConfig(
                sizes,
                third ? growing(json, sizes) : Rope.from(json, sizes, 10000),
                sliding.stream().map(slides -> slides ? window : 0L).toList(),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The rotation of Ministral 3, whose queries grow with their positions. */
    private static Rope growing(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        JsonObject stated = RopeKeys.ofAllLayers(json);
        if (stated == null) {
            throw json.fault("rope_parameters", "must be an object for ministral3, but is missing");
        }
        JsonObject plain = stated.without(List.of(GROWTH, "max_position_embeddings"));
        Rope rope = Rope.from(json, plain, sizes, RopeKeys.theta(json, plain, 1e6));
        return new Rope(
                rope.dim(),
                rope.theta(),
                new RopeScaling.GrowingQueries(
                        rope.scaling(),
                        stated.requireDouble(GROWTH),
                        stated.requireLong("original_max_position_embeddings")));
    }

    /** The config.json of the language model as a model of its own, of that of a model with a vision tower. */
    public static ObjectNode languageModel(JsonObject config) throws CheckpointException {
        JsonObject text = text(config);
        return text.toTree().put("model_type", isThird(text) ? MistralModel.MINISTRAL3 : MistralModel.FAMILY);
    }

    /** Whether a config.json is that of a model with a vision tower. */
    static boolean isInside(JsonObject config) throws CheckpointException {
        return config.stringOr("model_type", "").equals(MistralModel.WITH_VISION);
    }

    private static boolean isThird(JsonObject json) throws CheckpointException {
        return json.stringOr("model_type", "").equals(MistralModel.MINISTRAL3);
    }

    private static JsonObject text(JsonObject config) throws CheckpointException {
        JsonObject text = config;
        if (isInside(config)) {
            text = ConfigKeys.ofLanguageModel(config, ABSENT.tieWordEmbeddings());
            ConfigKeys.require(text, "model_type", MistralModel.FAMILY, MistralModel.MINISTRAL3);
        }
        return isThird(text) ? text.withAbsent(Map.of("pad_token_id", 11L)) : text;
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        return DecoderConfig.maxPositions(json, (isThird(json) ? ABSENT_IN_THIRD : ABSENT).maxPositions());
    }
}
