package org.loft4j.model.glm;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;
import org.loft4j.model.shared.ScoredExperts;

/**
 * The shape of a GLM-4.5 or 4.6, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions, of half of a head where the file does not say
 * @param attentionBias whether q, k and v have biases
 * @param queryKeyNorm {@code use_qk_norm}: whether each head of queries and keys has a norm
 * @param experts of the blocks with mixtures
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Glm4MoeConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        boolean queryKeyNorm,
        ScoredExperts experts,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(8, 0, 131072, 1e-5, false, "hidden_act", "silu");

    private static final ScoredExperts.Defaults ABSENT_EXPERTS = new ScoredExperts.Defaults(128, 8, 1408, 1, 1, 1.0);

    /** Reads config.json. */
    public static Glm4MoeConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(json, ScoredExperts.keysWith(Set.of("attention_bias", "use_qk_norm")));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        JsonObject scaling = RopeKeys.ofAllLayers(json);
        return new Glm4MoeConfig(
                sizes,
                Rope.from(json, scaling, sizes, RopeKeys.theta(json, scaling, 10000), 0.5),
                json.booleanOr("attention_bias", false),
                json.booleanOr("use_qk_norm", false),
                ScoredExperts.from(json, ABSENT_EXPERTS, sizes.layers(), ScoredExperts.behindDense(json, 1)),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
