package org.loft4j.model.roberta;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.nn.ModelOptions;

/**
 * A RoBERTa classifier, as its config.json states it.
 *
 * @param encoder its sizes; the first padId + 1 rows of its table of positions are not used
 * @param padId {@code pad_token_id}
 * @param head its classifier
 */
public record RobertaConfig(EncoderConfig encoder, long padId, HeadConfig head) {
    public RobertaConfig {
        Checks.atLeast("type_vocab_size", encoder.tokenTypes(), 1);
        Checks.atLeast("pad_token_id", padId, 0);
        if (padId >= encoder.maxPositions() - 1) {
            throw new ConfigException("max_position_embeddings must be greater than pad_token_id + 1, got "
                    + encoder.maxPositions() + " and " + padId);
        }
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static RobertaConfig from(JsonObject json, ModelOptions options) throws CheckpointException {
        EncoderConfig encoder = EncoderConfig.from(json, Set.of(), 2, 1e-12);
        double dropout = json.doubleOr("classifier_dropout", encoder.hiddenDropout());
        HeadConfig head = HeadConfig.from(json, options, dropout).withDenseHead();
        return new RobertaConfig(encoder, padId(json), head);
    }

    /** The longest sequence: positions count from pad_token_id + 1 on. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return EncoderConfig.maxPositions(json) - padId(json) - 1;
    }

    private static long padId(JsonObject json) throws CheckpointException {
        long id = json.longOr("pad_token_id", 1);
        if (id < 0 || id > Integer.MAX_VALUE) {
            throw json.fault("pad_token_id", "must be from 0 to 2^31 - 1, found " + id);
        }
        return id;
    }

    /** The longest sequence. */
    public long longest() {
        return encoder.maxPositions() - padId - 1;
    }
}
