package org.loft4j.model.bert;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Pooling;

/**
 * The shape of a BERT classifier, as its config.json states it.
 *
 * @param vocabularySize {@code vocab_size}
 * @param hiddenSize {@code hidden_size}; a multiple of heads
 * @param layers {@code num_hidden_layers}
 * @param heads {@code num_attention_heads}
 * @param intermediateSize {@code intermediate_size}, the width of the feed-forward block
 * @param maxPositions {@code max_position_embeddings}: the longest sequence
 * @param tokenTypes {@code type_vocab_size}
 * @param layerNormEps {@code layer_norm_eps}
 * @param activation {@code hidden_act}
 * @param hiddenDropout {@code hidden_dropout_prob}, while training
 * @param attentionDropout {@code attention_probs_dropout_prob}, while training
 * @param classifierDropout {@code classifier_dropout}, while training; hiddenDropout where the file does not say
 * @param initializerRange standard deviation of new weights
 * @param labels names of the classes by index
 * @param pooling how the sequence becomes one vector; AUTO is settled when the weights are known
 */
public record BertConfig(
        long vocabularySize,
        long hiddenSize,
        int layers,
        int heads,
        long intermediateSize,
        long maxPositions,
        long tokenTypes,
        double layerNormEps,
        Activation activation,
        double hiddenDropout,
        double attentionDropout,
        double classifierDropout,
        double initializerRange,
        List<String> labels,
        Pooling pooling) {
    public BertConfig {
        Checks.atLeast("vocab_size", vocabularySize, 1);
        Checks.atLeast("hidden_size", hiddenSize, 1);
        Checks.atLeast("num_hidden_layers", layers, 1);
        Checks.atLeast("num_attention_heads", heads, 1);
        Checks.atLeast("intermediate_size", intermediateSize, 1);
        Checks.atLeast("max_position_embeddings", maxPositions, 1);
        Checks.atLeast("type_vocab_size", tokenTypes, 1);
        Checks.positive("layer_norm_eps", layerNormEps);
        Checks.fraction("hidden_dropout_prob", hiddenDropout);
        Checks.fraction("attention_probs_dropout_prob", attentionDropout);
        Checks.fraction("classifier_dropout", classifierDropout);
        Checks.notNegative("initializer_range", initializerRange);
        Checks.atLeast("number of labels", labels.size(), 1);
        if (hiddenSize % heads != 0) {
            throw new ConfigException(
                    "hidden_size must be a multiple of num_attention_heads, got " + hiddenSize + " and " + heads);
        }
        labels = List.copyOf(labels);
    }

    /**
     * Reads config.json.
     *
     * @param labels names of the classes by index
     * @param pooling AUTO for the file's {@code classifier_pooling}
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static BertConfig from(JsonObject json, List<String> labels, Pooling pooling) throws CheckpointException {
        requireIf(json, "position_embedding_type", "absolute");
        requireIf(json, "problem_type", "single_label_classification");
        requireIf(json, "is_decoder", "false");
        requireIf(json, "add_cross_attention", "false");
        double dropout = json.doubleOr("hidden_dropout_prob", 0.1);
        return new BertConfig(
                json.requireLong("vocab_size"),
                json.requireLong("hidden_size"),
                json.requireInt("num_hidden_layers", 1),
                json.requireInt("num_attention_heads", 1),
                json.requireLong("intermediate_size"),
                json.longOr("max_position_embeddings", 512),
                json.longOr("type_vocab_size", 2),
                json.doubleOr("layer_norm_eps", 1e-12),
                Activation.parse("hidden_act", json.stringOr("hidden_act", "gelu")),
                dropout,
                json.doubleOr("attention_probs_dropout_prob", 0.1),
                json.doubleOr("classifier_dropout", dropout),
                json.doubleOr("initializer_range", 0.02),
                labels,
                pooling == Pooling.AUTO && json.has("classifier_pooling")
                        ? Pooling.parse("classifier_pooling", json.requireString("classifier_pooling"))
                        : pooling);
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return json.longOr("max_position_embeddings", 512);
    }

    BertConfig withPooling(Pooling settled) {
        return new BertConfig(
                vocabularySize,
                hiddenSize,
                layers,
                heads,
                intermediateSize,
                maxPositions,
                tokenTypes,
                layerNormEps,
                activation,
                hiddenDropout,
                attentionDropout,
                classifierDropout,
                initializerRange,
                labels,
                settled);
    }

    private static void requireIf(JsonObject json, String key, String only) {
        JsonNode value = json.node(key);
        if (value != null && !value.asText().equals(only)) {
            throw new ConfigException(key + " must be " + only + ", got " + value + " in " + json.file()
                    + ": anything else is not supported");
        }
    }
}
