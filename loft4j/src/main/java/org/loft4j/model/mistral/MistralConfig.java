package org.loft4j.model.mistral;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Mistral model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param slidingWindow {@code sliding_window}: how many tokens each sees, itself the last of them; 0 for all before it
 * @param classifierDropout before a classifier of tokens, while training
 */
public record MistralConfig(DecoderConfig sizes, Rope rope, long slidingWindow, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(8, 0, 131072, 1e-6, false, "hidden_act", "silu");

    /** Reads config.json. */
    public static MistralConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(json, Set.of("sliding_window"));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new MistralConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                LayerTypes.window(json, 4096),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
