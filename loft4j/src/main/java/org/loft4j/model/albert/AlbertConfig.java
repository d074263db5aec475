package org.loft4j.model.albert;

import java.util.Set;
import java.util.stream.IntStream;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.model.shared.ModelLimits;
import org.loft4j.nn.Activation;
import org.loft4j.nn.ModelOptions;

/**
 * An ALBERT classifier, as its config.json states it.
 *
 * @param encoder its sizes; its layers are those that a text goes through, some of which share their weights
 * @param embeddingSize {@code embedding_size}, the width of the vectors of words, positions and types
 * @param groups {@code num_hidden_groups}: sets of weights, each for some of the layers
 * @param inner {@code inner_group_num}: of how many layers each of {@code num_hidden_layers} consists
 * @param head its classifier; pooling AUTO is settled when the weights are known
 */
public record AlbertConfig(EncoderConfig encoder, long embeddingSize, int groups, int inner, HeadConfig head) {
    private static final String EMBEDDING_SIZE = "embedding_size";
    private static final String GROUPS = "num_hidden_groups";
    private static final String INNER = "inner_group_num";
    private static final String DROPOUT = "classifier_dropout_prob";

    private static final Set<String> KEYS = Set.of(
            EMBEDDING_SIZE,
            GROUPS,
            INNER,
            DROPOUT,
            // of the first program, which Transformers' class does not read
            "down_scale_factor",
            "gap_size",
            "layers_to_keep",
            "net_structure_type",
            "num_memory_blocks");

    /** Those of Transformers' class, which are not BERT's. */
    private static final EncoderConfig.Defaults DEFAULTS =
            new EncoderConfig.Defaults(2, 1e-12, Activation.GELU_TANH, 0);

    public AlbertConfig {
        Checks.atLeast("type_vocab_size", encoder.tokenTypes(), 1);
        Checks.atLeast(EMBEDDING_SIZE, embeddingSize, 1);
        Checks.atLeast(GROUPS, groups, 1);
        Checks.atLeast(INNER, inner, 1);
        if (groups > encoder.layers()) {
            throw new ConfigException(GROUPS + " must be at most num_hidden_layers, got " + groups + " and "
                    + encoder.layers() + ": no text would go through the last groups");
        }
        if ((long) encoder.layers() * inner > ModelLimits.MOST_LAYERS) {
            throw new ConfigException("num_hidden_layers times " + INNER + " must be at most " + ModelLimits.MOST_LAYERS
                    + ", got " + encoder.layers() + " times " + inner);
        }
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static AlbertConfig from(JsonObject json, ModelOptions options) throws CheckpointException {
        EncoderConfig encoder = EncoderConfig.from(json, KEYS, DEFAULTS);
        // null means the encoder's, and absence does not
        double dropout = json.doubleOr(DROPOUT, json.keys().contains(DROPOUT) ? encoder.hiddenDropout() : 0.1);
        Checks.fraction(DROPOUT, dropout);
        return new AlbertConfig(
                encoder,
                json.longOr(EMBEDDING_SIZE, 128),
                json.intOr(GROUPS, 1, 1),
                json.intOr(INNER, 1, 1),
                HeadConfig.from(json, options, dropout));
    }

    AlbertConfig withHead(HeadConfig settled) {
        return new AlbertConfig(encoder, embeddingSize, groups, inner, settled);
    }

    /** The group of each layer that a text goes through: the first few of the first group, and so on, by Transformers' own division. */
    IntStream order() {
        double each = encoder.layers() / (double) groups;
        return IntStream.range(0, encoder.layers()).map(layer -> (int) (layer / each));
    }
}
