package org.loft4j.model.electra;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.nn.ModelOptions;

/**
 * An ELECTRA classifier, as its config.json states it.
 *
 * @param encoder its sizes
 * @param embeddingSize {@code embedding_size}, the width of the vectors of words, positions and types
 * @param head its classifier
 */
public record ElectraConfig(EncoderConfig encoder, long embeddingSize, HeadConfig head) {
    private static final Set<String> KEYS = Set.of(
            "embedding_size",
            // of the class for multiple choice
            "summary_type",
            "summary_use_proj",
            "summary_activation",
            "summary_last_dropout",
            "summary_first_dropout",
            "summary_proj_to_labels");

    public ElectraConfig {
        Checks.atLeast("type_vocab_size", encoder.tokenTypes(), 1);
        Checks.atLeast("embedding_size", embeddingSize, 1);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static ElectraConfig from(JsonObject json, ModelOptions options) throws CheckpointException {
        EncoderConfig encoder = EncoderConfig.from(json, KEYS, 2, 1e-12);
        double dropout = json.doubleOr("classifier_dropout", encoder.hiddenDropout());
        return new ElectraConfig(
                encoder,
                json.longOr("embedding_size", 128),
                HeadConfig.from(json, options, dropout).withDenseHead());
    }
}
