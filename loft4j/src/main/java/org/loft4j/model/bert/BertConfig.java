package org.loft4j.model.bert;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.nn.ModelOptions;

/**
 * A BERT classifier, as its config.json states it.
 *
 * @param encoder its sizes
 * @param head its classifier; pooling AUTO is settled when the weights are known
 */
public record BertConfig(EncoderConfig encoder, HeadConfig head) {
    public BertConfig {
        Checks.atLeast("type_vocab_size", encoder.tokenTypes(), 1);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static BertConfig from(JsonObject json, ModelOptions options) throws CheckpointException {
        EncoderConfig encoder = EncoderConfig.from(json, Set.of(), 2, 1e-12);
        double dropout = json.doubleOr("classifier_dropout", encoder.hiddenDropout());
        return new BertConfig(encoder, HeadConfig.from(json, options, dropout));
    }

    BertConfig withHead(HeadConfig settled) {
        return new BertConfig(encoder, settled);
    }
}
