package org.loft4j.model.dinov2;

import java.util.HashSet;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.model.shared.ModelLimits;
import org.loft4j.nn.Activation;
import org.loft4j.nn.ImageShape;
import org.loft4j.nn.ModelOptions;

/**
 * A DINOv2 that classifies, as its config.json states it.
 *
 * @param family {@code model_type}, with which the names of its parameters begin
 * @param hiddenSize {@code hidden_size}; a multiple of heads
 * @param layers {@code num_hidden_layers}
 * @param heads {@code num_attention_heads}
 * @param wide width of the feed-forward block: {@code mlp_ratio} times hidden_size, and with a gate two thirds of that, rounded up
 *     to a multiple of 8
 * @param image {@code num_channels}, and {@code image_size} as both sides: that which the positions were learnt on
 * @param patch {@code patch_size}, both sides of a patch
 * @param registers {@code num_register_tokens}; 0 where the family has none
 * @param gated {@code use_swiglu_ffn}: whether the feed-forward block has a gate
 * @param maskToken {@code use_mask_token}: whether Transformers' class has the vector of masked patches, which is not used here
 * @param qkvBias {@code qkv_bias}: whether query, key and value have biases
 * @param layerScale {@code layerscale_value}, new factors of what a layer adds
 * @param layerNormEps {@code layer_norm_eps}
 * @param activation {@code hidden_act}, of a block without a gate
 * @param hiddenDropout {@code hidden_dropout_prob}, of the embeddings and of attention, while training
 * @param attentionDropout {@code attention_probs_dropout_prob}, while training
 * @param initializerRange {@code initializer_range}, standard deviation of new weights
 * @param head its classifier
 */
public record Dinov2Config(
        String family,
        long hiddenSize,
        int layers,
        int heads,
        long wide,
        ImageShape image,
        long patch,
        long registers,
        boolean gated,
        boolean maskToken,
        boolean qkvBias,
        double layerScale,
        double layerNormEps,
        Activation activation,
        double hiddenDropout,
        double attentionDropout,
        double initializerRange,
        HeadConfig head) {
    private static final Set<String> KEYS = Set.of(
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "mlp_ratio",
            "num_channels",
            "image_size",
            "patch_size",
            "use_swiglu_ffn",
            "qkv_bias",
            "layerscale_value",
            "layer_norm_eps",
            "hidden_act",
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "drop_path_rate",
            "pruned_heads",
            // of the backbone, whose states no classifier reads
            "out_features",
            "out_indices",
            "stage_names",
            "apply_layernorm",
            "reshape_hidden_states");

    private static final String REGISTERS = "num_register_tokens";
    private static final String MASK_TOKEN = "use_mask_token";
    private static final long MOST_WIDE = Integer.MAX_VALUE;

    public Dinov2Config {
        Checks.atLeast("hidden_size", hiddenSize, 1);
        Checks.within("num_hidden_layers", layers, 1, ModelLimits.MOST_LAYERS);
        Checks.atLeast("num_attention_heads", heads, 1);
        Checks.within("patch_size", patch, 1, image.height());
        Checks.atLeast(REGISTERS, registers, 0);
        Checks.notNegative("layerscale_value", layerScale);
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
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static Dinov2Config from(JsonObject json, ModelOptions options) throws CheckpointException {
        String family = json.requireString("model_type");
        boolean registers = family.equals(Dinov2Model.WITH_REGISTERS);
        Set<String> honoured = new HashSet<>(KEYS);
        honoured.add(registers ? REGISTERS : MASK_TOKEN);
        EncoderConfig.check(json, honoured);
        if (json.doubleOr("drop_path_rate", 0) != 0) {
            throw new ConfigException("drop_path_rate must be 0, got " + json.doubleOr("drop_path_rate", 0)
                    + ": layers are not left out by chance here; set it to 0 in config.json");
        }
        long hidden = json.requireLong("hidden_size");
        boolean gated = json.booleanOr("use_swiglu_ffn", false);
        return new Dinov2Config(
                family,
                hidden,
                json.requireInt("num_hidden_layers", 1),
                json.requireInt("num_attention_heads", 1),
                wide(hidden, json.doubleOr("mlp_ratio", 4), gated),
                image(json),
                patch(json),
                registers(json),
                gated,
                registers || json.booleanOr(MASK_TOKEN, true),
                json.booleanOr("qkv_bias", true),
                json.doubleOr("layerscale_value", 1),
                json.doubleOr("layer_norm_eps", 1e-6),
                Activation.parse("hidden_act", json.stringOr("hidden_act", "gelu")),
                json.doubleOr("hidden_dropout_prob", 0),
                json.doubleOr("attention_probs_dropout_prob", 0),
                json.doubleOr("initializer_range", 0.02),
                HeadConfig.from(json, options, 0));
    }

    private static long wide(long hidden, double ratio, boolean gated) {
        long plain = Checks.within(
                "mlp_ratio times hidden_size", (long) (hidden * Checks.positive("mlp_ratio", ratio)), 1, MOST_WIDE);
        return gated ? (plain * 2 / 3 + 7) / 8 * 8 : plain;
    }

    /** The number of states of an image of the size that the positions were learnt on. */
    public static long states(JsonObject json) throws CheckpointException {
        long side = image(json).height() / patch(json);
        return 1 + registers(json) + side * side;
    }

    /** The number of patches of such an image. */
    long patches() {
        long side = image.height() / patch;
        return side * side;
    }

    private static ImageShape image(JsonObject json) throws CheckpointException {
        long side = Checks.within("image_size", json.longOr("image_size", 224), 1, Integer.MAX_VALUE);
        return new ImageShape(json.longOr("num_channels", 3), side, side);
    }

    private static long patch(JsonObject json) throws CheckpointException {
        return Checks.atLeast("patch_size", json.longOr("patch_size", hasRegisters(json) ? 16 : 14), 1);
    }

    private static long registers(JsonObject json) throws CheckpointException {
        return hasRegisters(json) ? json.longOr(REGISTERS, 4) : 0;
    }

    private static boolean hasRegisters(JsonObject json) throws CheckpointException {
        return json.requireString("model_type").equals(Dinov2Model.WITH_REGISTERS);
    }
}
