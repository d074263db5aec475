package org.loft4j.model.seedoss;

import com.fasterxml.jackson.databind.node.DoubleNode;
import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Seed-OSS model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k and v have biases, as they have where the file does not say
 * @param outputBias {@code attention_out_bias}: whether o has one
 * @param mlpBias whether gate, up and down have biases
 * @param residualDropout {@code residual_dropout}, while training; a tenth where the file does not say
 * @param classifierDropout before a classifier of tokens, while training
 */
public record SeedOssConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        boolean outputBias,
        boolean mlpBias,
        double residualDropout,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(8, 128, 524_288, 1e-6, false, "hidden_act", "silu");

    private static final String ATTENTION_DROPOUT = "attention_dropout";
    private static final String RESIDUAL_DROPOUT = "residual_dropout";

    public SeedOssConfig {
        Checks.fraction(RESIDUAL_DROPOUT, residualDropout);
    }

    /** Reads config.json. */
    public static SeedOssConfig from(JsonObject config) throws CheckpointException {
        // pretraining_tp splits products without changing them
        ConfigKeys.checkDecoder(
                config, Set.of("attention_bias", "attention_out_bias", "mlp_bias", RESIDUAL_DROPOUT, "pretraining_tp"));
        JsonObject json = config.withAbsent(Map.of("pad_token_id", 1L))
                .with(ATTENTION_DROPOUT, DoubleNode.valueOf(config.doubleOr(ATTENTION_DROPOUT, 0.1)));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new SeedOssConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("attention_bias", true),
                json.booleanOr("attention_out_bias", false),
                json.booleanOr("mlp_bias", false),
                json.doubleOr(RESIDUAL_DROPOUT, 0.1),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
