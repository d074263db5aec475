package org.loft4j.model.opt;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.nn.Activation;

/**
 * The shape of an OPT model, as its config.json states it.
 *
 * @param sizes what all decoders have: {@code intermediateSize} is {@code ffn_dim}, {@code activation} {@code activation_function},
 *     {@code initializerRange} {@code init_std}, and {@code rmsNormEps} what Transformers adds to the variance in layer norms
 * @param tokenWidth {@code word_embed_proj_dim}, of the vectors of tokens; hiddenSize where the file does not say
 * @param normFirst {@code do_layer_norm_before}: whether each part of a block reads what a norm makes, and not the sums are normed
 * @param finalNorm whether there is a norm behind the last block: with normFirst, but for {@code _remove_final_layer_norm}
 * @param bias {@code enable_bias}, of all linear layers in the blocks
 * @param weightedNorms {@code layer_norm_elementwise_affine}: whether norms have weights and biases
 * @param dropout on what each part of a block adds, while training
 */
public record OptConfig(
        DecoderConfig sizes,
        long tokenWidth,
        boolean normFirst,
        boolean finalNorm,
        boolean bias,
        boolean weightedNorms,
        double dropout) {
    private static final String FFN = "ffn_dim";
    private static final String POSITIONS = "max_position_embeddings";
    private static final String ACTIVATION = "activation_function";
    private static final String WIDTH = "word_embed_proj_dim";
    private static final String SPREAD = "init_std";
    private static final String PAD = "pad_token_id";

    /** That of PyTorch, which Transformers' class takes. */
    private static final double EPS = 1e-5;

    private static final Set<String> HONOURED = Set.of(
            ConfigKeys.TIED,
            FFN,
            POSITIONS,
            ACTIVATION,
            WIDTH,
            SPREAD,
            "vocab_size",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "do_layer_norm_before",
            "enable_bias",
            "layer_norm_elementwise_affine",
            "dropout",
            "attention_dropout",
            "layerdrop",
            "learned_embeddings",
            "scale_embeddings",
            // which Transformers' class does not look at
            "activation_dropout");

    public OptConfig {
        Checks.atLeast(WIDTH, tokenWidth, 1);
        Checks.fraction("dropout", dropout);
    }

    /** Reads config.json. */
    public static OptConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkCausal(json, HONOURED);
        ConfigKeys.require(json, "layerdrop", "0.0", "0");
        // words of Galactica's files, for what all OPT models do
        ConfigKeys.require(json, "learned_embeddings", "true");
        ConfigKeys.require(json, "scale_embeddings", "false");
        DecoderConfig sizes = sizes(json);
        boolean normFirst = json.booleanOr("do_layer_norm_before", true);
        return new OptConfig(
                sizes,
                json.longOr(WIDTH, sizes.hiddenSize()),
                normFirst,
                normFirst && !json.booleanOr("_remove_final_layer_norm", false),
                json.booleanOr("enable_bias", true),
                json.booleanOr("layer_norm_elementwise_affine", true),
                json.doubleOr("dropout", 0.1));
    }

    private static DecoderConfig sizes(JsonObject json) throws CheckpointException {
        long hidden = json.longOr("hidden_size", 768);
        int heads = json.intOr("num_attention_heads", 12, 1);
        if (hidden % heads != 0) {
            throw new ConfigException(
                    "hidden_size must be a multiple of num_attention_heads in opt, got " + hidden + " and " + heads);
        }
        long pad = json.keys().contains(PAD) ? -1 : 1;
        return new DecoderConfig(
                json.requireLong("vocab_size"),
                hidden,
                json.intOr("num_hidden_layers", 12, 1),
                heads,
                heads,
                DecoderConfig.headDim(hidden, heads),
                Checks.atLeast(FFN, json.longOr(FFN, 3072), 1),
                maxPositions(json),
                EPS,
                json.booleanOr(ConfigKeys.TIED, true),
                json.doubleOr("attention_dropout", 0),
                Checks.notNegative(SPREAD, json.doubleOr(SPREAD, 0.02)),
                Activation.parse(ACTIVATION, json.stringOr(ACTIVATION, "relu")),
                json.longOr(PAD, pad));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return json.longOr(POSITIONS, 2048);
    }
}
