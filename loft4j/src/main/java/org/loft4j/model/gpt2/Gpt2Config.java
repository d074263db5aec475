package org.loft4j.model.gpt2;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.ModelLimits;
import org.loft4j.nn.Activation;

/**
 * The shape of a GPT-2 model, as its config.json states it; {@code max_position_embeddings}, {@code hidden_size}, {@code
 * num_hidden_layers} and {@code num_attention_heads} are other names of four of its keys.
 *
 * @param vocabularySize {@code vocab_size}
 * @param maxPositions {@code n_positions}: the longest sequence
 * @param hiddenSize {@code n_embd}; a multiple of heads
 * @param layers {@code n_layer}
 * @param heads {@code n_head}
 * @param innerSize {@code n_inner}, the width of the feed-forward block; 4·hiddenSize where the file does not say
 * @param activation {@code activation_function}
 * @param layerNormEps {@code layer_norm_epsilon}
 * @param embeddingDropout {@code embd_pdrop}, while training
 * @param attentionDropout {@code attn_pdrop}, while training
 * @param residualDropout {@code resid_pdrop}, while training
 * @param classifierDropout before a classifier of tokens, while training
 * @param scaleAttention {@code scale_attn_weights}: whether scores are divided by the root of the head's size
 * @param scaleByLayer {@code scale_attn_by_inverse_layer_idx}: whether they are divided by the layer's number, from 1, too
 * @param tieWordEmbeddings whether the output embedding is the input embedding
 * @param initializerRange standard deviation of new weights
 * @param padTokenId {@code pad_token_id}; -1 where there is none
 */
public record Gpt2Config(
        long vocabularySize,
        long maxPositions,
        long hiddenSize,
        int layers,
        int heads,
        long innerSize,
        Activation activation,
        double layerNormEps,
        double embeddingDropout,
        double attentionDropout,
        double residualDropout,
        double classifierDropout,
        boolean scaleAttention,
        boolean scaleByLayer,
        boolean tieWordEmbeddings,
        double initializerRange,
        long padTokenId) {
    public Gpt2Config {
        Checks.atLeast("vocab_size", vocabularySize, 1);
        Checks.within("n_positions", maxPositions, 1, Integer.MAX_VALUE);
        Checks.atLeast("n_embd", hiddenSize, 1);
        Checks.within("n_layer", layers, 1, ModelLimits.MOST_LAYERS);
        Checks.atLeast("n_head", heads, 1);
        Checks.atLeast("n_inner", innerSize, 1);
        Checks.positive("layer_norm_epsilon", layerNormEps);
        Checks.fraction("embd_pdrop", embeddingDropout);
        Checks.fraction("attn_pdrop", attentionDropout);
        Checks.fraction("resid_pdrop", residualDropout);
        Checks.fraction("classifier_dropout", classifierDropout);
        Checks.notNegative("initializer_range", initializerRange);
        if (hiddenSize % heads != 0) {
            throw new ConfigException("n_embd must be a multiple of n_head, got " + hiddenSize + " and " + heads);
        }
    }

    /** Reads config.json. The {@code summary_…} keys are of a head that is not built here. */
    public static Gpt2Config from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkCausal(
                json,
                Set.of(
                        "vocab_size",
                        "n_positions",
                        "n_ctx",
                        "n_embd",
                        "n_layer",
                        "n_head",
                        "max_position_embeddings",
                        "hidden_size",
                        "num_hidden_layers",
                        "num_attention_heads",
                        "n_inner",
                        "activation_function",
                        "layer_norm_epsilon",
                        "embd_pdrop",
                        "attn_pdrop",
                        "resid_pdrop",
                        "classifier_dropout",
                        "hidden_dropout",
                        "scale_attn_weights",
                        "scale_attn_by_inverse_layer_idx",
                        "reorder_and_upcast_attn",
                        "tie_word_embeddings",
                        "add_cross_attention",
                        "summary_type",
                        "summary_use_proj",
                        "summary_activation",
                        "summary_proj_to_labels",
                        "summary_first_dropout"));
        ConfigKeys.require(json, "add_cross_attention", "false");
        long hidden = json.longOr(json.eitherKey("hidden_size", "n_embd"), 768);
        return new Gpt2Config(
                json.requireLong("vocab_size"),
                maxPositions(json),
                hidden,
                json.intOr(json.eitherKey("num_hidden_layers", "n_layer"), 12, 1),
                json.intOr(json.eitherKey("num_attention_heads", "n_head"), 12, 1),
                json.longOr("n_inner", 4 * hidden),
                Activation.parse("activation_function", json.stringOr("activation_function", "gelu_new")),
                json.doubleOr("layer_norm_epsilon", 1e-5),
                json.doubleOr("embd_pdrop", 0.1),
                json.doubleOr("attn_pdrop", 0.1),
                json.doubleOr("resid_pdrop", 0.1),
                json.doubleOr("classifier_dropout", json.doubleOr("hidden_dropout", 0.1)),
                json.booleanOr("scale_attn_weights", true),
                json.booleanOr("scale_attn_by_inverse_layer_idx", false),
                json.booleanOr("tie_word_embeddings", true),
                json.doubleOr("initializer_range", 0.02),
                json.longOr("pad_token_id", -1));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return json.longOr(json.eitherKey("max_position_embeddings", "n_positions"), 1024);
    }

    /** The scale of the scores of one layer, counted from 0. */
    double attentionScale(int layer) {
        double scale = scaleAttention ? 1 / Math.sqrt((double) hiddenSize / heads) : 1;
        return scaleByLayer ? scale / (layer + 1) : scale;
    }
}
