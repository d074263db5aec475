package org.loft4j.model.stablelm;

import com.fasterxml.jackson.databind.node.DoubleNode;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a StableLM, as its config.json states it.
 *
 * @param sizes what all decoders state; {@code rmsNormEps} is {@code layer_norm_eps}
 * @param rope rotary positions, of a quarter of a head where the file does not say
 * @param attentionBias {@code use_qkv_bias}: whether q, k and v have biases
 * @param headNorms {@code qk_layernorm}: whether each head of queries and keys has a norm of its own
 * @param parallel {@code use_parallel_residual}: whether both parts of a block read its one norm
 * @param classifierDropout before a classifier of tokens, while training
 */
public record StableLmConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        boolean headNorms,
        boolean parallel,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(32, 0, 4096, 1e-5, false, "hidden_act", "silu");

    public StableLmConfig {
        if ((long) sizes.heads() * sizes.headDim() != sizes.hiddenSize()) {
            throw new ConfigException("head_dim must be hidden_size / num_attention_heads in stablelm, got "
                    + sizes.headDim() + ", " + sizes.hiddenSize() + " and " + sizes.heads());
        }
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour: a {@code hidden_dropout}, which Transformers has behind
     *     the feed-forward part alone
     */
    public static StableLmConfig from(JsonObject config) throws CheckpointException {
        ConfigKeys.checkDecoder(
                config, Set.of("layer_norm_eps", "use_qkv_bias", "qk_layernorm", "use_parallel_residual"));
        double dropout = config.doubleOr("hidden_dropout", 0);
        if (dropout != 0) {
            throw new ConfigException("hidden_dropout must be 0 in stablelm, got " + dropout + " in " + config.file()
                    + ": one behind the feed-forward part alone is not supported; set it to 0 to train without");
        }
        double eps = Checks.positive("layer_norm_eps", config.doubleOr("layer_norm_eps", ABSENT.rmsNormEps()));
        JsonObject json = config.with("rms_norm_eps", DoubleNode.valueOf(eps));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        JsonObject rope = RopeKeys.ofAllLayers(json);
        return new StableLmConfig(
                sizes,
                Rope.from(json, rope, sizes, RopeKeys.theta(json, rope, 10000), 0.25),
                json.booleanOr("use_qkv_bias", false),
                json.booleanOr("qk_layernorm", false),
                json.booleanOr("use_parallel_residual", false),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
