package org.loft4j.model.distilbert;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.nn.Activation;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/**
 * A DistilBERT classifier, as its config.json states it: {@code dim}, {@code n_layers}, {@code n_heads}, {@code hidden_dim},
 * {@code activation}, {@code dropout} and {@code attention_dropout} stand for BERT's keys, the first three of which may be there
 * in their place.
 *
 * @param encoder its sizes, without token types
 * @param head its classifier, with {@code seq_classif_dropout} for texts and {@code dropout} for tokens
 * @param sinusoids {@code sinusoidal_pos_embds}: what positions start from where no checkpoint has them; one that has them is
 *     read, whatever they are
 */
public record DistilBertConfig(EncoderConfig encoder, HeadConfig head, boolean sinusoids) {
    private static final Set<String> KEYS = Set.of(
            "vocab_size",
            "dim",
            "n_layers",
            "n_heads",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "hidden_dim",
            "max_position_embeddings",
            "activation",
            "dropout",
            "attention_dropout",
            "seq_classif_dropout",
            "qa_dropout",
            "sinusoidal_pos_embds",
            "pruned_heads",
            "classifier_pooling",
            "tie_weights_",
            "tie_word_embeddings");

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static DistilBertConfig from(JsonObject json, ModelOptions options) throws CheckpointException {
        EncoderConfig.check(json, KEYS);
        double dropout = json.doubleOr("dropout", 0.1);
        EncoderConfig encoder = new EncoderConfig(
                json.requireLong("vocab_size"),
                json.requireLong(json.eitherKey("hidden_size", "dim")),
                json.requireInt(json.eitherKey("num_hidden_layers", "n_layers"), 1),
                json.requireInt(json.eitherKey("num_attention_heads", "n_heads"), 1),
                json.requireLong("hidden_dim"),
                EncoderConfig.maxPositions(json),
                0,
                1e-12,
                Activation.parse("activation", json.stringOr("activation", "gelu")),
                dropout,
                json.doubleOr("attention_dropout", 0.1),
                json.doubleOr("initializer_range", 0.02));
        double before = options.task() == Task.TOKEN_CLASSIFICATION
                ? dropout
                : Checks.fraction("seq_classif_dropout", json.doubleOr("seq_classif_dropout", 0.2));
        return new DistilBertConfig(
                encoder,
                HeadConfig.from(json, options, before).withDenseHead(),
                json.booleanOr("sinusoidal_pos_embds", false));
    }
}
