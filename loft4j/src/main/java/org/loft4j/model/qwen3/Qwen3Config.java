package org.loft4j.model.qwen3;

import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.QwenTower;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
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

    public Qwen3Config {
        windows = List.copyOf(windows);
    }

    /** Reads config.json. */
    public static Qwen3Config from(JsonObject config) throws CheckpointException {
        JsonObject json = QwenTower.alone(config);
        if (config.has("text_config")) {
            ConfigKeys.checkAround(config, QwenTower.OF_IMAGES);
        }
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

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject config) throws CheckpointException {
        return DecoderConfig.maxPositions(QwenTower.alone(config), ABSENT.maxPositions());
    }
}
