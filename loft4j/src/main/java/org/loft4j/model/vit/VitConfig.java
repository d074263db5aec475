package org.loft4j.model.vit;

import com.fasterxml.jackson.databind.JsonNode;
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
 * A vision transformer or a DeiT that classifies, as its config.json states it.
 *
 * @param family {@code model_type}, with which the names of its parameters begin
 * @param hiddenSize {@code hidden_size}; a multiple of heads
 * @param layers {@code num_hidden_layers}
 * @param heads {@code num_attention_heads}
 * @param intermediateSize {@code intermediate_size}, the width of the feed-forward block
 * @param image {@code num_channels} and {@code image_size}: the only size that it reads
 * @param patch {@code patch_size}; divides the image
 * @param qkvBias {@code qkv_bias}: whether query, key and value have biases
 * @param layerNormEps {@code layer_norm_eps}
 * @param activation {@code hidden_act}
 * @param hiddenDropout {@code hidden_dropout_prob}, while training
 * @param attentionDropout {@code attention_probs_dropout_prob}, while training
 * @param initializerRange {@code initializer_range}, standard deviation of new weights
 * @param head its classifier
 */
public record VitConfig(
        String family,
        long hiddenSize,
        int layers,
        int heads,
        long intermediateSize,
        ImageShape image,
        Size patch,
        boolean qkvBias,
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
            "intermediate_size",
            "num_channels",
            "image_size",
            "patch_size",
            "qkv_bias",
            "layer_norm_eps",
            "hidden_act",
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "pruned_heads",
            // of the pooler and of the head for masked images, which no classifier has
            "pooler_act",
            "pooler_output_size",
            "encoder_stride");

    /** In pixels. */
    public record Size(long height, long width) {
        public Size {
            Checks.atLeast("patch height", height, 1);
            Checks.atLeast("patch width", width, 1);
        }
    }

    public VitConfig {
        Checks.atLeast("hidden_size", hiddenSize, 1);
        Checks.within("num_hidden_layers", layers, 1, ModelLimits.MOST_LAYERS);
        Checks.atLeast("num_attention_heads", heads, 1);
        Checks.atLeast("intermediate_size", intermediateSize, 1);
        Checks.positive("layer_norm_eps", layerNormEps);
        Checks.fraction("hidden_dropout_prob", hiddenDropout);
        Checks.fraction("attention_probs_dropout_prob", attentionDropout);
        Checks.notNegative("initializer_range", initializerRange);
        if (hiddenSize % heads != 0) {
            throw new ConfigException(
                    "hidden_size must be a multiple of num_attention_heads, got " + hiddenSize + " and " + heads);
        }
        if (image.height() % patch.height() != 0 || image.width() % patch.width() != 0) {
            throw new ConfigException("image_size must be a multiple of patch_size, got " + image.height() + "×"
                    + image.width() + " and " + patch.height() + "×" + patch.width());
        }
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static VitConfig from(JsonObject json, ModelOptions options) throws CheckpointException {
        EncoderConfig.check(json, KEYS);
        return new VitConfig(
                json.requireString("model_type"),
                json.requireLong("hidden_size"),
                json.requireInt("num_hidden_layers", 1),
                json.requireInt("num_attention_heads", 1),
                json.requireLong("intermediate_size"),
                image(json),
                size(json, "patch_size", 16),
                json.booleanOr("qkv_bias", true),
                json.doubleOr("layer_norm_eps", 1e-12),
                Activation.parse("hidden_act", json.stringOr("hidden_act", "gelu")),
                json.doubleOr("hidden_dropout_prob", 0),
                json.doubleOr("attention_probs_dropout_prob", 0),
                json.doubleOr("initializer_range", 0.02),
                HeadConfig.from(json, options, 0));
    }

    /** The number of states of an image: its patches, one for the class and, with distillation, one for the teacher. */
    public static long states(JsonObject json) throws CheckpointException {
        return states(image(json), size(json, "patch_size", 16), json.requireString("model_type"));
    }

    long states() {
        return states(image, patch, family);
    }

    private static long states(ImageShape image, Size patch, String family) {
        long patches = image.height() / patch.height() * (image.width() / patch.width());
        return patches + (isDistilled(family) ? 2 : 1);
    }

    /** Whether there is a vector that learnt from a teacher. */
    boolean distilled() {
        return isDistilled(family);
    }

    private static boolean isDistilled(String family) {
        return family.equals(VitModel.DISTILLED);
    }

    private static ImageShape image(JsonObject json) throws CheckpointException {
        Size size = size(json, "image_size", 224);
        return new ImageShape(json.longOr("num_channels", 3), size.height(), size.width());
    }

    /** A number, or height and width. */
    private static Size size(JsonObject json, String key, long absent) throws CheckpointException {
        JsonNode value = json.node(key);
        if (value != null && value.isArray()) {
            if (value.size() != 2
                    || !value.get(0).isIntegralNumber()
                    || !value.get(1).isIntegralNumber()) {
                throw json.fault(key, "must be a whole number, or two: height and width");
            }
            return new Size(value.get(0).longValue(), value.get(1).longValue());
        }
        long side = json.longOr(key, absent);
        return new Size(side, side);
    }
}
