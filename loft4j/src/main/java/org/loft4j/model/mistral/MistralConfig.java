package org.loft4j.model.mistral;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

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

    private static final Set<String> OF_IMAGES =
            Set.of("multimodal_projector_bias", "projector_hidden_act", "spatial_merge_size", "vision_feature_layer");

    public MistralConfig {
        windows = List.copyOf(windows);
    }

    /** Reads config.json. */
    public static MistralConfig from(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        ConfigKeys.checkDecoder(json, Set.of("sliding_window", "layer_types"));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        long window = LayerTypes.window(json, 4096);
        List<Boolean> sliding = LayerTypes.sliding(json, sizes.layers(), i -> true);
        return new MistralConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                sliding.stream().map(slides -> slides ? window : 0L).toList(),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The config.json of the language model as a model of its own, of that of a model with a vision tower. */
    public static ObjectNode languageModel(JsonObject config) throws CheckpointException {
        return text(config).toTree().put("model_type", MistralModel.FAMILY);
    }

    /** Whether a config.json is that of a model with a vision tower. */
    static boolean isInside(JsonObject config) throws CheckpointException {
        return config.requireString("model_type").equals(MistralModel.WITH_VISION);
    }

    private static JsonObject text(JsonObject config) throws CheckpointException {
        if (!isInside(config)) {
            return config;
        }
        JsonObject text = ConfigKeys.ofLanguageModel(config, OF_IMAGES, ABSENT.tieWordEmbeddings());
        ConfigKeys.require(text, "model_type", MistralModel.FAMILY);
        return text;
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject config) throws CheckpointException {
        return DecoderConfig.maxPositions(text(config), ABSENT.maxPositions());
    }
}
