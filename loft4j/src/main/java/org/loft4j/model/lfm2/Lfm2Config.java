package org.loft4j.model.lfm2;

import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.LongNode;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.io.JsonObject;
import org.loft4j.io.Lfm2Keys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of an LFM2 model, as its config.json states it.
 *
 * @param sizes what all decoders state; {@code intermediateSize} is the width that the feed-forward parts have
 * @param rope rotary positions of the blocks with attention
 * @param convolves for each block whether it has a convolution for attention
 * @param kernel {@code conv_L_cache}: how many tokens the convolution sees
 * @param convolutionBias {@code conv_bias}: whether it, and the layers around it, have biases
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Lfm2Config(
        DecoderConfig sizes,
        Rope rope,
        List<Boolean> convolves,
        int kernel,
        boolean convolutionBias,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(8, 0, 128000, 1e-5, true, "hidden_act", "silu");

    private static final Set<String> HONOURED = Set.of(
            "norm_eps",
            "block_ff_dim",
            "block_auto_adjust_ff_dim",
            "block_multiple_of",
            "block_ffn_dim_multiplier",
            "block_use_swiglu",
            "conv_L_cache",
            "conv_bias",
            "full_attn_idxs",
            "layer_types",
            "tie_embedding",
            "use_pos_enc");

    /** Files state them, and no version of Transformers reads them. */
    private static final Set<String> UNREAD = Set.of(
            "block_dim",
            "block_mlp_init_scale",
            "block_norm_eps",
            "block_out_init_scale",
            "block_use_xavier_init",
            "conv_dim",
            "conv_dim_out",
            "conv_use_xavier_init",
            "num_heads",
            "theta");

    public Lfm2Config {
        convolves = List.copyOf(convolves);
        Checks.atLeast("conv_L_cache", kernel, 1);
    }

    /** Reads config.json. */
    public static Lfm2Config from(JsonObject config) throws CheckpointException {
        Set<String> known = new HashSet<>(HONOURED);
        known.addAll(UNREAD);
        ConfigKeys.checkDecoder(config, known);
        ConfigKeys.require(config, "hidden_act", "silu");
        ConfigKeys.require(config, "block_use_swiglu", "true");
        ConfigKeys.require(config, "use_pos_enc", "true");
        JsonObject json = config.withAbsent(Map.of("pad_token_id", 0L))
                .with("rms_norm_eps", DoubleNode.valueOf(eps(config)))
                .with("intermediate_size", LongNode.valueOf(Lfm2Keys.width(config)))
                .with(ConfigKeys.TIED, BooleanNode.valueOf(Lfm2Keys.tied(config)));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new Lfm2Config(
                sizes,
                Rope.from(json, sizes, 1e6),
                LayerTypes.convolving(json, sizes.layers()),
                json.intOr("conv_L_cache", 3, 1),
                json.booleanOr("conv_bias", false),
                DecoderConfig.tokenClassifierDropout(json));
    }

    private static double eps(JsonObject json) throws CheckpointException {
        double eps = json.doubleOr("norm_eps", ABSENT.rmsNormEps());
        Checks.positive("norm_eps", eps);
        return eps;
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
