package org.loft4j.model.starcoder2;

import com.fasterxml.jackson.databind.node.DoubleNode;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a StarCoder 2 model, as its config.json states it.
 *
 * @param sizes what all decoders state; {@code rmsNormEps} is {@code norm_epsilon}
 * @param rope rotary positions
 * @param slidingWindow {@code sliding_window}: how many tokens each sees, itself the last of them; 0 for all before it
 * @param bias {@code use_bias}: whether the layers of the blocks have biases
 * @param embeddingDropout {@code embedding_dropout}, while training
 * @param residualDropout {@code residual_dropout}, while training
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Starcoder2Config(
        DecoderConfig sizes,
        Rope rope,
        long slidingWindow,
        boolean bias,
        double embeddingDropout,
        double residualDropout,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(2, 0, 4096, 1e-5, true, "hidden_act", "gelu_pytorch_tanh");

    public Starcoder2Config {
        Checks.fraction("embedding_dropout", embeddingDropout);
        Checks.fraction("residual_dropout", residualDropout);
    }

    /** Reads config.json. {@code activation_function} and {@code layer_norm_epsilon} stand in files, and nothing reads them. */
    public static Starcoder2Config from(JsonObject config) throws CheckpointException {
        ConfigKeys.checkDecoder(
                config,
                Set.of(
                        "norm_epsilon",
                        "sliding_window",
                        "use_bias",
                        "embedding_dropout",
                        "residual_dropout",
                        "mlp_type",
                        "norm_type",
                        "scale_attn_weights",
                        "activation_function",
                        "layer_norm_epsilon",
                        "attention_softmax_in_fp32",
                        "scale_attention_softmax_in_fp32"));
        ConfigKeys.require(config, "mlp_type", "default");
        ConfigKeys.require(config, "norm_type", "layer_norm");
        ConfigKeys.require(config, "scale_attn_weights", "true");
        double eps = Checks.positive("norm_epsilon", config.doubleOr("norm_epsilon", ABSENT.rmsNormEps()));
        JsonObject json = config.with("rms_norm_eps", DoubleNode.valueOf(eps));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new Starcoder2Config(
                sizes,
                Rope.from(json, sizes, 10000),
                LayerTypes.window(json, 0),
                json.booleanOr("use_bias", true),
                json.doubleOr("embedding_dropout", 0),
                json.doubleOr("residual_dropout", 0),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
