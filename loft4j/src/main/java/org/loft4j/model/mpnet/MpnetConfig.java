package org.loft4j.model.mpnet;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.RelativeBias;

/**
 * An MPNet classifier, as its config.json states it.
 *
 * @param encoder its sizes, without token types; the first two rows of its table of positions are not used
 * @param head its classifier, whose dropout is that of the encoder
 */
public record MpnetConfig(EncoderConfig encoder, HeadConfig head) {
    /** The padding token, which Transformers' class has as a number, whatever config.json says. */
    static final long PAD_ID = 1;

    private static final String BUCKETS = "relative_attention_num_buckets";

    public MpnetConfig {
        Checks.atLeast("max_position_embeddings", encoder.maxPositions(), PAD_ID + 2);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static MpnetConfig from(JsonObject json, ModelOptions options) throws CheckpointException {
        EncoderConfig encoder = EncoderConfig.from(json, Set.of(BUCKETS), 0, 1e-12);
        ConfigKeys.require(json, "pad_token_id", Long.toString(PAD_ID));
        // Transformers' class counts in as many whatever the file says
        ConfigKeys.require(json, BUCKETS, Integer.toString(RelativeBias.BUCKETS));
        HeadConfig head = HeadConfig.from(json, options, encoder.hiddenDropout());
        return new MpnetConfig(encoder.withoutTokenTypes(), head.withDenseHead());
    }

    /** The longest sequence: positions count from the padding token's id + 1 on. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return EncoderConfig.maxPositions(json) - PAD_ID - 1;
    }

    /** The longest sequence. */
    public long longest() {
        return encoder.maxPositions() - PAD_ID - 1;
    }
}
