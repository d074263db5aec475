package org.loft4j.model.shared;

import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.nn.Activation;

/**
 * The sizes that the config.json of every decoder with rotary positions states under the same names.
 *
 * @param vocabularySize {@code vocab_size}
 * @param hiddenSize {@code hidden_size}
 * @param layers {@code num_hidden_layers}
 * @param heads {@code num_attention_heads}
 * @param keyValueHeads {@code num_key_value_heads}; divides heads
 * @param headDim {@code head_dim}; hiddenSize / heads where the file does not say
 * @param intermediateSize {@code intermediate_size}, the width of the feed-forward block
 * @param maxPositions {@code max_position_embeddings}
 * @param rmsNormEps {@code rms_norm_eps}; in a family with layer norms what is added to the variance there
 * @param tieWordEmbeddings whether the output embedding is the input embedding
 * @param attentionDropout dropout on attention probabilities while training
 * @param initializerRange standard deviation of new weights
 * @param activation {@code hidden_act}, of the gate
 * @param padTokenId {@code pad_token_id}; -1 where there is none
 */
public record DecoderConfig(
        long vocabularySize,
        long hiddenSize,
        int layers,
        int heads,
        int keyValueHeads,
        int headDim,
        long intermediateSize,
        long maxPositions,
        double rmsNormEps,
        boolean tieWordEmbeddings,
        double attentionDropout,
        double initializerRange,
        Activation activation,
        long padTokenId) {
    /** The keys that {@link #from} and {@link Rope#from} read. */
    public static final Set<String> KEYS = Set.of(
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "intermediate_size",
            "max_position_embeddings",
            "rms_norm_eps",
            "tie_word_embeddings",
            "attention_dropout",
            "hidden_act",
            "hidden_activation",
            "classifier_dropout",
            "hidden_dropout",
            "rope_theta",
            "rope_scaling",
            "rope_parameters",
            "partial_rotary_factor",
            "original_max_position_embeddings");

    public DecoderConfig {
        Checks.atLeast("vocab_size", vocabularySize, 1);
        Checks.atLeast("hidden_size", hiddenSize, 1);
        Checks.within("num_hidden_layers", layers, 1, ModelLimits.MOST_LAYERS);
        Checks.atLeast("num_attention_heads", heads, 1);
        Checks.atLeast("num_key_value_heads", keyValueHeads, 1);
        Checks.atLeast("head_dim", headDim, 2);
        Checks.atLeast("intermediate_size", intermediateSize, 1);
        Checks.within("max_position_embeddings", maxPositions, 1, Integer.MAX_VALUE);
        Checks.positive("rms_norm_eps", rmsNormEps);
        Checks.fraction("attention_dropout", attentionDropout);
        Checks.notNegative("initializer_range", initializerRange);
        if (heads % keyValueHeads != 0) {
            throw new ConfigException("num_attention_heads must be a multiple of num_key_value_heads, got " + heads
                    + " and " + keyValueHeads);
        }
        if (headDim % 2 != 0) {
            throw new ConfigException("head_dim must be even, got " + headDim);
        }
    }

    /** The same with other heads, as some layers may have them. */
    public DecoderConfig withHeads(int newKeyValueHeads, int newHeadDim) {
        return new DecoderConfig(
                vocabularySize,
                hiddenSize,
                layers,
                heads,
                newKeyValueHeads,
                newHeadDim,
                intermediateSize,
                maxPositions,
                rmsNormEps,
                tieWordEmbeddings,
                attentionDropout,
                initializerRange,
                activation,
                padTokenId);
    }

    /**
     * What Transformers assumes where a file is silent, which differs between families.
     *
     * @param keyValueHeads number of key/value heads; 0 for as many as heads
     * @param headDim size of a head; 0 for hidden_size / num_attention_heads
     */
    public record Defaults(
            int keyValueHeads,
            int headDim,
            long maxPositions,
            double rmsNormEps,
            boolean tieWordEmbeddings,
            String activationKey,
            String activation) {}

    /** Reads config.json. */
    public static DecoderConfig from(JsonObject json, Defaults absent) throws CheckpointException {
        long hidden = json.requireLong("hidden_size");
        int heads = json.requireInt("num_attention_heads", 1);
        // null means as many as heads, whatever the family assumes where the key is missing
        boolean asHeads = absent.keyValueHeads() == 0 || json.keys().contains("num_key_value_heads");
        int kvHeads = asHeads ? heads : absent.keyValueHeads();
        int headDim = json.has("head_dim")
                ? json.requireInt("head_dim", 2)
                : absent.headDim() > 0 ? absent.headDim() : headDim(hidden, heads);
        return new DecoderConfig(
                json.requireLong("vocab_size"),
                hidden,
                json.requireInt("num_hidden_layers", 1),
                heads,
                json.intOr("num_key_value_heads", kvHeads, 1),
                headDim,
                json.requireLong("intermediate_size"),
                json.longOr("max_position_embeddings", absent.maxPositions()),
                json.doubleOr("rms_norm_eps", absent.rmsNormEps()),
                json.booleanOr("tie_word_embeddings", absent.tieWordEmbeddings()),
                json.doubleOr("attention_dropout", 0),
                json.doubleOr("initializer_range", 0.02),
                Activation.parse(absent.activationKey(), json.stringOr(absent.activationKey(), absent.activation())),
                json.longOr("pad_token_id", -1));
    }

    /**
     * The longest sequence of a model with this config.json: {@code max_position_embeddings}, times the factor of a dynamic
     * scaling, whose file states the length of pretraining; and at least what yarn makes of the length of pretraining, since
     * files to which it was added by hand still state the old length.
     */
    public static long maxPositions(JsonObject json, long absent) throws CheckpointException {
        return maxPositions(json, RopeKeys.ofAllLayers(json), absent);
    }

    /** The same where the layers that see all before them have a scaling of their own; null for none. */
    public static long maxPositions(JsonObject json, @Nullable JsonObject scaling, long absent)
            throws CheckpointException {
        long stated = json.longOr("max_position_embeddings", absent);
        if (scaling == null) {
            return stated;
        }
        return switch (RopeKeys.type(scaling)) {
            case "dynamic" -> (long) (stated * scaling.requireDouble("factor"));
            case "yarn" -> {
                long original = scaling.longOr("original_max_position_embeddings", stated);
                yield Math.max(stated, (long) (original * scaling.doubleOr("factor", 1)));
            }
            default -> stated;
        };
    }

    /** The dropout before a classifier of tokens, which Transformers looks up under two names. */
    public static double tokenClassifierDropout(JsonObject json) throws CheckpointException {
        return json.doubleOr("classifier_dropout", json.doubleOr("hidden_dropout", 0.1));
    }

    /** The size of a head that a file does not state. */
    public static int headDim(long hiddenSize, int heads) {
        if (hiddenSize % heads != 0) {
            throw new ConfigException(
                    "hidden_size must be a multiple of num_attention_heads where head_dim is not given, got "
                            + hiddenSize + " and " + heads);
        }
        return (int) Checks.within("head_dim", hiddenSize / heads, 1, Integer.MAX_VALUE);
    }
}
