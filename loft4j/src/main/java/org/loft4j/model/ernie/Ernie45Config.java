package org.loft4j.model.ernie;

import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a dense ERNIE 4.5, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions of neighbours, in float32
 * @param bias {@code use_bias}: whether all linear layers of the blocks have biases
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Ernie45Config(DecoderConfig sizes, Rope rope, boolean bias, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(2, 128, 131072, 1e-5, true, "hidden_act", "silu");

    /** Reads config.json. */
    public static Ernie45Config from(JsonObject config) throws CheckpointException {
        ConfigKeys.checkDecoder(config, Set.of("use_bias"));
        // the family has none, whatever its file says
        ConfigKeys.require(config, "attention_dropout", "0.0", "0");
        JsonObject json = config.withAbsent(Map.of("pad_token_id", 0L));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new Ernie45Config(
                sizes,
                Rope.from(json, sizes, 500_000).widened().ofNeighbours(),
                json.booleanOr("use_bias", false),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
