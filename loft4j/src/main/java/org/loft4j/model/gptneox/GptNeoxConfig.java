package org.loft4j.model.gptneox;

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
 * The shape of a GPT-NeoX model, as its config.json states it.
 *
 * @param sizes what all decoders state; {@code rmsNormEps} is {@code layer_norm_eps}
 * @param rope rotary positions, of a quarter of a head where the file does not say
 * @param parallel {@code use_parallel_residual}: whether both parts of a block read what comes into it
 * @param attentionBias whether the layers of the attention have biases
 * @param hiddenDropout on the input embeddings and what each part of a block adds, while training
 * @param classifierDropout before a classifier of tokens, while training
 */
public record GptNeoxConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean parallel,
        boolean attentionBias,
        double hiddenDropout,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(0, 0, 2048, 1e-5, false, "hidden_act", "gelu");

    public GptNeoxConfig {
        Checks.fraction("hidden_dropout", hiddenDropout);
        Checks.fraction("classifier_dropout", classifierDropout);
        if (sizes.keyValueHeads() != sizes.heads()) {
            throw new ConfigException("num_key_value_heads must be num_attention_heads, " + sizes.heads() + ", got "
                    + sizes.keyValueHeads() + ": heads share no keys in gpt_neox");
        }
        if ((long) sizes.heads() * sizes.headDim() != sizes.hiddenSize()) {
            throw new ConfigException("head_dim must be hidden_size / num_attention_heads in gpt_neox, got "
                    + sizes.headDim() + ", " + sizes.hiddenSize() + " and " + sizes.heads());
        }
    }

    /** Reads config.json. */
    public static GptNeoxConfig from(JsonObject config) throws CheckpointException {
        ConfigKeys.checkDecoder(
                config,
                Set.of(
                        "layer_norm_eps",
                        "use_parallel_residual",
                        "attention_bias",
                        "is_decoder",
                        RopeKeys.NEOX_THETA,
                        RopeKeys.NEOX_SHARE));
        double eps = Checks.positive("layer_norm_eps", config.doubleOr("layer_norm_eps", ABSENT.rmsNormEps()));
        JsonObject json = RopeKeys.ofNeox(config).with("rms_norm_eps", DoubleNode.valueOf(eps));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        JsonObject rope = RopeKeys.ofAllLayers(json);
        return new GptNeoxConfig(
                sizes,
                Rope.from(json, rope, sizes, RopeKeys.theta(json, rope, 10000), 0.25),
                json.booleanOr("use_parallel_residual", true),
                json.booleanOr("attention_bias", true),
                json.doubleOr("hidden_dropout", 0),
                json.doubleOr("classifier_dropout", 0.1));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
