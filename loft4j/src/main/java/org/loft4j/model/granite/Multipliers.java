package org.loft4j.model.granite;

import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderLayout;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.LogitScale;

/**
 * The numbers of the maximal update parametrisation, Yang et al. 2022 (arXiv:2203.03466), as the Power scheduler has them (Shen et
 * al. 2024, arXiv:2408.13359).
 *
 * @param embedding {@code embedding_multiplier} of the input embeddings
 * @param attention {@code attention_multiplier} of the scores, in place of one over the root of a head's size
 * @param residual {@code residual_multiplier} of what attention and feed-forward add
 * @param logits {@code logits_scaling} that the logits are divided by
 */
public record Multipliers(double embedding, double attention, double residual, double logits) {
    static final Set<String> KEYS =
            Set.of("embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling");

    private static final double LARGEST = 65504;

    public Multipliers {
        Checks.positive("embedding_multiplier", embedding);
        ofAHalfType("attention_multiplier", attention);
        ofAHalfType("residual_multiplier", residual);
        Checks.positive("logits_scaling", logits);
    }

    /** One that products and sums of a half type take as a number of that type. */
    private static void ofAHalfType(String field, double value) {
        Checks.positive(field, value);
        if (value > LARGEST) {
            throw new ConfigException(field + " must be at most 65504, the largest number of float16, got " + value);
        }
    }

    /** Those of a config.json, 1 where it is silent. */
    static Multipliers from(JsonObject json) throws CheckpointException {
        return new Multipliers(
                json.doubleOr("embedding_multiplier", 1),
                json.doubleOr("attention_multiplier", 1),
                json.doubleOr("residual_multiplier", 1),
                json.doubleOr("logits_scaling", 1));
    }

    /** A decoder with them. */
    DecoderAssembly assembly(
            String family,
            DecoderLayout layout,
            DecoderConfig sizes,
            double classifierDropout,
            List<DecoderAssembly.Placement> placement) {
        return new DecoderAssembly(
                family,
                layout,
                sizes,
                new DecoderAttention.Shape(sizes.headDim(), attention, 0, sizes.attentionDropout()),
                type -> embedding,
                residual,
                new LogitScale(logits, 0),
                0,
                0,
                classifierDropout,
                placement);
    }
}
