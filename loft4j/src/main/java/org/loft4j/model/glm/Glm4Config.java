package org.loft4j.model.glm;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a GLM-4-0414, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions of neighbours, of half of a head where the file does not say
 * @param attentionBias whether q, k and v have biases, as they have where the file does not say
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Glm4Config(DecoderConfig sizes, Rope rope, boolean attentionBias, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(2, 128, 131072, 1.5625e-7, false, "hidden_act", "silu");

    /** Reads config.json. */
    public static Glm4Config from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(json, Set.of("attention_bias"));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        JsonObject scaling = RopeKeys.ofAllLayers(json);
        return new Glm4Config(
                sizes,
                Rope.from(json, scaling, sizes, RopeKeys.theta(json, scaling, 10000), 0.5)
                        .ofNeighbours(),
                json.booleanOr("attention_bias", true),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
