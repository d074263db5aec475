package org.loft4j.model.granite;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Granite model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k, v and o have biases
 * @param mlpBias whether gate, up and down have biases
 * @param embeddingMultiplier of the input embeddings
 * @param attentionMultiplier of the scores, in place of one over the root of a head's size
 * @param residualMultiplier of what attention and feed-forward add
 * @param logitsScaling what the logits are divided by
 * @param classifierDropout before a classifier of tokens, while training
 */
public record GraniteConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        boolean mlpBias,
        double embeddingMultiplier,
        double attentionMultiplier,
        double residualMultiplier,
        double logitsScaling,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(0, 0, 2048, 1e-6, false, "hidden_act", "silu");

    private static final double LARGEST = 65504;

    public GraniteConfig {
        Checks.positive("embedding_multiplier", embeddingMultiplier);
        multiplier("attention_multiplier", attentionMultiplier);
        multiplier("residual_multiplier", residualMultiplier);
        Checks.positive("logits_scaling", logitsScaling);
    }

    /** One that products and sums of a half type take as a number of that type. */
    private static void multiplier(String field, double value) {
        Checks.positive(field, value);
        if (value > LARGEST) {
            throw new ConfigException(field + " must be at most 65504, the largest number of float16, got " + value);
        }
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static GraniteConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(
                json,
                Set.of(
                        "attention_bias",
                        "mlp_bias",
                        "embedding_multiplier",
                        "attention_multiplier",
                        "residual_multiplier",
                        "logits_scaling"));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new GraniteConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("attention_bias", false),
                json.booleanOr("mlp_bias", false),
                json.doubleOr("embedding_multiplier", 1),
                json.doubleOr("attention_multiplier", 1),
                json.doubleOr("residual_multiplier", 1),
                json.doubleOr("logits_scaling", 1),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
