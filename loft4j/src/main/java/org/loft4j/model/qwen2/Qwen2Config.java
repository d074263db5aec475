package org.loft4j.model.qwen2;

import java.util.HashSet;
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
 * The shape of a Qwen2 model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param windows for each block how many tokens each sees, itself the last of them; 0 for all before it
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Qwen2Config(DecoderConfig sizes, Rope rope, List<Long> windows, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(32, 0, 32768, 1e-6, false, "hidden_act", "silu");

    private static final Set<String> WINDOWS =
            Set.of("use_sliding_window", "sliding_window", "max_window_layers", "layer_types", "use_mrope");

    public Qwen2Config {
        windows = List.copyOf(windows);
    }

    /** Reads config.json. */
    public static Qwen2Config from(JsonObject config) throws CheckpointException {
        JsonObject json = QwenTower.alone(config);
        if (config.has("text_config")) {
            // versions of Transformers repeat settings of the language model there
            Set<String> around = new HashSet<>(QwenTower.OF_IMAGES);
            around.addAll(DecoderConfig.KEYS);
            around.addAll(WINDOWS);
            ConfigKeys.checkAround(config, around);
        }
        ConfigKeys.checkDecoder(json, WINDOWS);
        ConfigKeys.require(json, "use_mrope", "false");
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        long window = json.booleanOr("use_sliding_window", false) ? LayerTypes.window(json, 4096) : 0;
        long whole = json.longOr("max_window_layers", 28);
        List<Boolean> sliding = LayerTypes.sliding(json, sizes.layers(), i -> window > 0 && i >= whole);
        return new Qwen2Config(
                sizes,
                Rope.from(json, sizes, 10000),
                sliding.stream().map(slides -> slides ? window : 0L).toList(),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject config) throws CheckpointException {
        return DecoderConfig.maxPositions(QwenTower.alone(config), ABSENT.maxPositions());
    }
}
