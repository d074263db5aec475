package org.loft4j.model.olmo2;

import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly.Placement;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of an OLMo 2 or 3 model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param attentionBias whether q, k, v and o have biases
 * @param placement for each block its rotation, in float32, and its window
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Olmo2Config(
        DecoderConfig sizes, boolean attentionBias, List<Placement> placement, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(0, 0, 2048, 1e-5, false, "hidden_act", "silu");

    public Olmo2Config {
        placement = List.copyOf(placement);
    }

    /** Reads config.json. */
    public static Olmo2Config from(JsonObject json) throws CheckpointException {
        boolean third = isThird(json);
        ConfigKeys.checkDecoder(
                json, third ? Set.of("attention_bias", "sliding_window", "layer_types") : Set.of("attention_bias"));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new Olmo2Config(
                sizes,
                json.booleanOr("attention_bias", false),
                third
                        ? third(json, sizes)
                        : Collections.nCopies(
                                sizes.layers(),
                                new Placement(Rope.from(json, sizes, 10000).widened(), 0)),
                DecoderConfig.tokenClassifierDropout(json));
    }

    private static boolean isThird(JsonObject json) throws CheckpointException {
        return json.requireString("model_type").equals(Olmo2Model.OLMO3);
    }

    /** A window in all but every fourth block; {@code rope_scaling} is for the blocks without one. */
    private static List<Placement> third(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        long window = LayerTypes.window(json, 4096);
        List<Boolean> sliding = LayerTypes.sliding(json, sizes.layers(), i -> (i + 1) % 4 != 0);
        Placement full = new Placement(rope(json, RopeKeys.ofFullAttention(json), sizes), 0);
        Placement windowed = new Placement(rope(json, RopeKeys.ofSlidingAttention(json), sizes), window);
        return sliding.stream().map(slides -> slides ? windowed : full).toList();
    }

    private static Rope rope(JsonObject json, @Nullable JsonObject scaling, DecoderConfig sizes)
            throws CheckpointException {
        return Rope.from(json, scaling, sizes, RopeKeys.statedTheta(json, scaling))
                .widened();
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(
                json,
                isThird(json) ? RopeKeys.ofFullAttention(json) : RopeKeys.ofAllLayers(json),
                ABSENT.maxPositions());
    }
}
