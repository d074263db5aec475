package org.loft4j.model.qwen3;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.QwenTower;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Qwen3 model, as its config.json states it, or that of a Qwen3-VL for its language model.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k, v and o have biases
 * @param windows for each block how many tokens each sees, itself the last of them; 0 for all before it
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Qwen3Config(
        DecoderConfig sizes, Rope rope, boolean attentionBias, List<Long> windows, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(32, 128, 32768, 1e-6, false, "hidden_act", "silu");

    /** What Transformers' Qwen3VLTextConfig assumes. */
    private static final QwenTower.Absent ABSENT_INSIDE =
            new QwenTower.Absent(Map.of("max_position_embeddings", 128000L), 1e-6, 5e5);

    public Qwen3Config {
        windows = List.copyOf(windows);
    }

    /** Reads config.json. */
    public static Qwen3Config from(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        ConfigKeys.checkDecoder(
                json,
                Set.of("use_sliding_window", "sliding_window", "max_window_layers", "layer_types", "attention_bias"));

        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        long window = json.booleanOr("use_sliding_window", false) ? LayerTypes.window(json, 4096) : 0;
        long whole = json.longOr("max_window_layers", 28);
        List<Boolean> sliding = LayerTypes.sliding(json, sizes.layers(), i -> window > 0 && i >= whole);
        return new Qwen3Config(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("attention_bias", false),
                sliding.stream().map(slides -> slides ? window : 0L).toList(),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The config.json of the language model as a model of its own, of that of a model with a vision tower. */
    public static ObjectNode languageModel(JsonObject config) throws CheckpointException {
        return text(config).toTree();
    }

    /** Whether a config.json is that of a model with a vision tower. */
    static boolean isInside(JsonObject config) throws CheckpointException {
        return config.stringOr("model_type", "").equals(Qwen3Model.WITH_VISION);
    }

    private static JsonObject text(JsonObject config) throws CheckpointException {
        return isInside(config) ? QwenTower.alone(config, Qwen3Model.FAMILY, ABSENT_INSIDE) : config;
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject config) throws CheckpointException {
        return DecoderConfig.maxPositions(text(config), ABSENT.maxPositions());
    }
}
