package org.loft4j.model.llama;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;
import org.loft4j.nn.Activation;

/**
 * The shape of a Llama model, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k, v and o have biases
 * @param mlpBias whether gate, up and down have biases
 * @param classifierDropout before a classifier of tokens, while training
 */
public record LlamaConfig(
        DecoderConfig sizes, Rope rope, boolean attentionBias, boolean mlpBias, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(0, 0, 2048, 1e-6, false, "hidden_act", "silu");

    /** A plain Llama without biases, with an output embedding of its own, for a model that starts from nothing. */
    public static LlamaConfig of(
            long vocabularySize,
            long hiddenSize,
            int layers,
            int heads,
            int keyValueHeads,
            long intermediateSize,
            long maxPositions) {
        DecoderConfig sizes = new DecoderConfig(
                vocabularySize,
                hiddenSize,
                layers,
                heads,
                keyValueHeads,
                DecoderConfig.headDim(hiddenSize, heads),
                intermediateSize,
                maxPositions,
                1e-5,
                false,
                0,
                0.02,
                Activation.SILU,
                -1);
        return new LlamaConfig(sizes, Rope.plain(sizes.headDim(), 10000), false, false, 0.1);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static LlamaConfig from(JsonObject json) throws CheckpointException {
        // pretraining_tp splits products without changing them; the two others were written by converters
        ConfigKeys.checkDecoder(
                json, Set.of("attention_bias", "mlp_bias", "pretraining_tp", "rope_interleaved", "is_llama_config"));
        ConfigKeys.require(json, "rope_interleaved", "false");
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new LlamaConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("attention_bias", false),
                json.booleanOr("mlp_bias", false),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
