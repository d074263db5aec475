package org.loft4j.model.shared;

import java.util.HashSet;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Activation;

/**
 * The sizes of an encoder, by the keys of BERT's config.json, which RoBERTa, DeBERTa, MPNet, ELECTRA, ALBERT and ViT share.
 *
 * @param vocabularySize {@code vocab_size}
 * @param hiddenSize {@code hidden_size}; a multiple of heads
 * @param layers {@code num_hidden_layers}
 * @param heads {@code num_attention_heads}
 * @param intermediateSize {@code intermediate_size}, the width of the feed-forward block
 * @param maxPositions {@code max_position_embeddings}: the rows of the table of positions
 * @param tokenTypes {@code type_vocab_size}; 0 for a model without token types
 * @param layerNormEps {@code layer_norm_eps}
 * @param activation {@code hidden_act}
 * @param hiddenDropout {@code hidden_dropout_prob}, while training
 * @param attentionDropout {@code attention_probs_dropout_prob}, while training
 * @param initializerRange {@code initializer_range}, standard deviation of new weights
 */
public record EncoderConfig(
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
        double initializerRange) {
    /** The keys that {@link #from} and {@link HeadConfig} read, or that say nothing about an encoder's numbers. */
    public static final Set<String> KEYS = Set.of(
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "max_position_embeddings",
            "type_vocab_size",
            "layer_norm_eps",
            "hidden_act",
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "position_embedding_type",
            "is_decoder",
            "add_cross_attention",
            "pruned_heads",
            "classifier_dropout",
            "classifier_pooling",
            "tie_word_embeddings",
            "output_past",
            "directionality",
            "pooler_fc_size",
            "pooler_num_attention_heads",
            "pooler_num_fc_layers",
            "pooler_size_per_head",
            "pooler_type");

    public EncoderConfig {
        Checks.atLeast("vocab_size", vocabularySize, 1);
        Checks.atLeast("hidden_size", hiddenSize, 1);
        Checks.within("num_hidden_layers", layers, 1, ModelLimits.MOST_LAYERS);
        Checks.atLeast("num_attention_heads", heads, 1);
        Checks.atLeast("intermediate_size", intermediateSize, 1);
        Checks.within("max_position_embeddings", maxPositions, 1, Integer.MAX_VALUE);
        Checks.atLeast("type_vocab_size", tokenTypes, 0);
        Checks.positive("layer_norm_eps", layerNormEps);
        Checks.fraction("hidden_dropout_prob", hiddenDropout);
        Checks.fraction("attention_probs_dropout_prob", attentionDropout);
        Checks.notNegative("initializer_range", initializerRange);
        if (hiddenSize % heads != 0) {
            throw new ConfigException(
                    "hidden_size must be a multiple of num_attention_heads, got " + hiddenSize + " and " + heads);
        }
    }

    /**
     * What holds where config.json is silent.
     *
     * @param dropout of states and of probabilities
     */
    public record Defaults(long tokenTypes, double layerNormEps, Activation activation, double dropout) {}

    /**
     * Reads config.json. Where it is silent, activation and dropout are BERT's.
     *
     * @param more the family's own keys beside {@link #KEYS}
     * @param tokenTypes where the file does not say
     * @param layerNormEps where the file does not say
     * @throws ConfigException for a value that these encoders cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static EncoderConfig from(JsonObject json, Set<String> more, long tokenTypes, double layerNormEps)
            throws CheckpointException {
        return from(json, more, new Defaults(tokenTypes, layerNormEps, Activation.GELU, 0.1));
    }

    /** The same with other settings where the file does not say. */
    public static EncoderConfig from(JsonObject json, Set<String> more, Defaults defaults) throws CheckpointException {
        Set<String> honoured = new HashSet<>(KEYS);
        honoured.addAll(more);
        check(json, honoured);
        ConfigKeys.require(json, "position_embedding_type", "absolute");
        ConfigKeys.require(json, "is_decoder", "false");
        ConfigKeys.require(json, "add_cross_attention", "false");
        return new EncoderConfig(
                json.requireLong("vocab_size"),
                json.requireLong("hidden_size"),
                json.requireInt("num_hidden_layers", 1),
                json.requireInt("num_attention_heads", 1),
                json.requireLong("intermediate_size"),
                maxPositions(json),
                json.longOr("type_vocab_size", defaults.tokenTypes()),
                json.doubleOr("layer_norm_eps", defaults.layerNormEps()),
                json.has("hidden_act")
                        ? Activation.parse("hidden_act", json.requireString("hidden_act"))
                        : defaults.activation(),
                json.doubleOr("hidden_dropout_prob", defaults.dropout()),
                json.doubleOr("attention_probs_dropout_prob", defaults.dropout()),
                json.doubleOr("initializer_range", 0.02));
    }

    /** The same for a family that has none, whatever {@code type_vocab_size} says. */
    public EncoderConfig withoutTokenTypes() {
        return new EncoderConfig(
                vocabularySize,
                hiddenSize,
                layers,
                heads,
                intermediateSize,
                maxPositions,
                0,
                layerNormEps,
                activation,
                hiddenDropout,
                attentionDropout,
                initializerRange);
    }

    /** {@code max_position_embeddings}. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return json.longOr("max_position_embeddings", 512);
    }

    /** What every encoder's config.json is held to, whatever its keys for sizes are. */
    public static void check(JsonObject json, Set<String> honoured) {
        ConfigKeys.check(json, honoured);
        ConfigKeys.require(json, "pruned_heads", "{}");
    }
}
