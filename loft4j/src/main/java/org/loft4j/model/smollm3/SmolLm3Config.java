package org.loft4j.model.smollm3;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a SmolLM3 model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param attentionBias whether q, k, v and o have biases
 * @param mlpBias whether gate, up and down have biases
 * @param placement for each block its rotation ({@code no_rope_layers}: 0 where there is none) and window
 * @param classifierDropout before a classifier of tokens, while training
 */
public record SmolLm3Config(
        DecoderConfig sizes,
        boolean attentionBias,
        boolean mlpBias,
        List<Placement> placement,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(4, 0, 32768, 1e-6, true, "hidden_act", "silu");

    public SmolLm3Config {
        placement = List.copyOf(placement);
    }

    /** Reads config.json. */
    public static SmolLm3Config from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(
                json,
                Set.of(
                        "use_sliding_window",
                        "sliding_window",
                        "max_window_layers",
                        "layer_types",
                        "no_rope_layers",
                        "no_rope_layer_interval",
                        "attention_bias",
                        "mlp_bias",
                        "pretraining_tp"));
        ConfigKeys.require(json, "pretraining_tp", "1", "2");
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        Rope rope = Rope.from(json, sizes, 2_000_000);
        List<Boolean> rotates = LayerTypes.turned(json, sizes.layers());
        long window = json.booleanOr("use_sliding_window", false) ? LayerTypes.window(json, 0) : 0;
        List<Boolean> sliding = LayerTypes.sliding(json, sizes.layers(), i -> window > 0 && !rotates.get(i));
        List<Placement> placement = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            placement.add(new Placement(rotates.get(i) ? rope : null, sliding.get(i) ? window : 0));
        }
        return new SmolLm3Config(
                sizes,
                json.booleanOr("attention_bias", false),
                json.booleanOr("mlp_bias", false),
                placement,
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
