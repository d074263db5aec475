package org.loft4j.model.olmoe;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.ExpertLayout;
import org.loft4j.model.shared.Rope;

/**
 * The shape of an OLMoE model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k, v and o have biases
 * @param experts of every block
 * @param classifierDropout before a classifier of tokens, while training
 */
public record OlmoeConfig(
        DecoderConfig sizes, Rope rope, boolean attentionBias, ExpertLayout experts, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(0, 0, 4096, 1e-5, false, "hidden_act", "silu");

    /** Reads config.json. */
    public static OlmoeConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(
                json, ExpertLayout.keysWith(Set.of("attention_bias", "clip_qkv", "num_experts", "norm_topk_prob")));
        ExpertLayout.requirePlainRouter(json);
        if (json.has("clip_qkv")) {
            throw json.fault(
                    "clip_qkv",
                    "must be null, found " + json.node("clip_qkv")
                            + ": bounds of queries, keys and values are not supported");
        }
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new OlmoeConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("attention_bias", false),
                new ExpertLayout(
                        ExpertLayout.Names.PROJECTIONS,
                        json.intOr("num_experts", 64, 1),
                        json.intOr("num_experts_per_tok", 8, 1),
                        sizes.intermediateSize(),
                        json.booleanOr("norm_topk_prob", false),
                        block -> true),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
