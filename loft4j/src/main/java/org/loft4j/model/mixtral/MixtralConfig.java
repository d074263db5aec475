package org.loft4j.model.mixtral;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.ExpertLayout;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Mixtral model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param window how many tokens each sees, itself the last of them; 0 for all before it
 * @param experts of every block
 * @param classifierDropout before a classifier of tokens, while training
 */
public record MixtralConfig(
        DecoderConfig sizes, Rope rope, long window, ExpertLayout experts, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(8, 0, 131072, 1e-5, false, "hidden_act", "silu");

    /** Reads config.json. */
    public static MixtralConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(json, ExpertLayout.keysWith(Set.of("sliding_window", "num_local_experts")));
        ExpertLayout.requirePlainRouter(json);
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new MixtralConfig(
                sizes,
                Rope.from(json, sizes, 1e6),
                LayerTypes.window(json, 0),
                new ExpertLayout(
                        ExpertLayout.Names.NUMBERED,
                        json.intOr("num_local_experts", 8, 1),
                        json.intOr("num_experts_per_tok", 2, 1),
                        sizes.intermediateSize(),
                        true,
                        block -> true),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
