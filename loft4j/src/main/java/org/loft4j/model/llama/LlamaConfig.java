package org.loft4j.model.llama;

import com.fasterxml.jackson.databind.JsonNode;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Activation;

/**
 * The shape of a Llama model, as its config.json states it.
 *
 * @param vocabularySize {@code vocab_size}
 * @param hiddenSize {@code hidden_size}
 * @param layers {@code num_hidden_layers}
 * @param heads {@code num_attention_heads}
 * @param keyValueHeads {@code num_key_value_heads}; divides heads
 * @param headDim {@code head_dim}; hiddenSize / heads where the file does not say
 * @param intermediateSize {@code intermediate_size}, the width of the feed-forward block
 * @param maxPositions {@code max_position_embeddings}
 * @param rmsNormEps {@code rms_norm_eps}
 * @param ropeTheta {@code rope_theta}
 * @param tieWordEmbeddings whether the output embedding is the input embedding
 * @param attentionBias whether q, k, v and o have biases
 * @param mlpBias whether gate, up and down have biases
 * @param attentionDropout dropout on attention probabilities while training
 * @param initializerRange standard deviation of new weights
 * @param activation {@code hidden_act}, of the gate
 */
public record LlamaConfig(
        long vocabularySize,
        long hiddenSize,
        int layers,
        int heads,
        int keyValueHeads,
        int headDim,
        long intermediateSize,
        long maxPositions,
        double rmsNormEps,
        double ropeTheta,
        boolean tieWordEmbeddings,
        boolean attentionBias,
        boolean mlpBias,
        double attentionDropout,
        double initializerRange,
        Activation activation) {
    public LlamaConfig {
        Checks.atLeast("vocab_size", vocabularySize, 1);
        Checks.atLeast("hidden_size", hiddenSize, 1);
        Checks.atLeast("num_hidden_layers", layers, 1);
        Checks.atLeast("num_attention_heads", heads, 1);
        Checks.atLeast("num_key_value_heads", keyValueHeads, 1);
        Checks.atLeast("head_dim", headDim, 2);
        Checks.atLeast("intermediate_size", intermediateSize, 1);
        Checks.atLeast("max_position_embeddings", maxPositions, 1);
        Checks.positive("rms_norm_eps", rmsNormEps);
        Checks.positive("rope_theta", ropeTheta);
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

    /** A plain Llama without biases, with an output embedding of its own, for a model that starts from nothing. */
    public static LlamaConfig of(
            long vocabularySize,
            long hiddenSize,
            int layers,
            int heads,
            int keyValueHeads,
            long intermediateSize,
            long maxPositions) {
        return new LlamaConfig(
                vocabularySize,
                hiddenSize,
                layers,
                heads,
                keyValueHeads,
                headDim(hiddenSize, heads),
                intermediateSize,
                maxPositions,
                1e-5,
                10000,
                false,
                false,
                false,
                0,
                0.02,
                Activation.SILU);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static LlamaConfig from(JsonObject json) throws CheckpointException {
        refuseScaling("rope_scaling", json.node("rope_scaling"));
        JsonObject rope = json.findObject("rope_parameters");
        refuseScaling("rope_parameters", json.node("rope_parameters"));
        long hidden = json.requireLong("hidden_size");
        int heads = json.requireInt("num_attention_heads", 1);
        return new LlamaConfig(
                json.requireLong("vocab_size"),
                hidden,
                json.requireInt("num_hidden_layers", 1),
                heads,
                json.intOr("num_key_value_heads", heads, 1),
                json.has("head_dim") ? json.requireInt("head_dim", 2) : headDim(hidden, heads),
                json.requireLong("intermediate_size"),
                json.longOr("max_position_embeddings", 2048),
                json.doubleOr("rms_norm_eps", 1e-6),
                rope == null ? json.doubleOr("rope_theta", 10000) : rope.doubleOr("rope_theta", 10000),
                json.booleanOr("tie_word_embeddings", false),
                json.booleanOr("attention_bias", false),
                json.booleanOr("mlp_bias", false),
                json.doubleOr("attention_dropout", 0),
                json.doubleOr("initializer_range", 0.02),
                Activation.parse("hidden_act", json.stringOr("hidden_act", "silu")));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return json.longOr("max_position_embeddings", 2048);
    }

    private static int headDim(long hiddenSize, int heads) {
        if (hiddenSize % heads != 0) {
            throw new ConfigException(
                    "hidden_size must be a multiple of num_attention_heads where head_dim is not given, got "
                            + hiddenSize + " and " + heads);
        }
        return Math.toIntExact(hiddenSize / heads);
    }

    /** Scaled rotary embeddings would change every logit: better no model than a wrong one. */
    private static void refuseScaling(String key, @Nullable JsonNode value) {
        if (value == null || value.isNull()) {
            return;
        }
        String type = value.path("rope_type").asText(value.path("type").asText("default"));
        if (!type.equals("default") || (key.equals("rope_scaling") && value.has("factor"))) {
            throw new ConfigException(key + " must be null or of type default, got " + value
                    + ": scaled rotary embeddings are not supported");
        }
    }
}
