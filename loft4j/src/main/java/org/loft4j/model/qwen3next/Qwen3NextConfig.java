package org.loft4j.model.qwen3next;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DeltaLayout;
import org.loft4j.model.shared.ExpertLayout;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;
import org.loft4j.model.shared.SharedExpertLayout;

/**
 * The shape of a Qwen3-Next, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions of the blocks with full attention
 * @param attentionBias whether q, k, v and o have biases
 * @param linear the linear attention, and the blocks that have it
 * @param experts of every {@code decoder_sparse_step}th block but those of {@code mlp_only_layers}
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Qwen3NextConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        DeltaLayout linear,
        SharedExpertLayout experts,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(2, 256, 32768, 1e-6, false, "hidden_act", "silu");

    private static final double ROTATED = 0.25;

    /** Of which the last is of tensors that are not read. */
    private static final Set<String> KEYS = Set.of(
            "use_sliding_window",
            "attention_bias",
            "attn_output_gate",
            "layer_types",
            "full_attention_interval",
            "linear_conv_kernel_dim",
            "linear_key_head_dim",
            "linear_value_head_dim",
            "linear_num_key_heads",
            "linear_num_value_heads",
            "num_experts",
            "num_local_experts",
            "moe_intermediate_size",
            "shared_expert_intermediate_size",
            "norm_topk_prob",
            "decoder_sparse_step",
            "mlp_only_layers",
            "num_nextn_predict_layers");

    /**
     * Reads config.json. What predicts several tokens at once ({@code mtp}) is not opened.
     *
     * @throws ConfigException for a value that this model cannot honour, such as a window
     */
    public static Qwen3NextConfig from(JsonObject config) throws CheckpointException {
        ConfigKeys.checkDecoder(config, ExpertLayout.keysWith(KEYS));
        ExpertLayout.requirePlainRouter(config);
        // Transformers has neither a window nor attention without a gate, whatever these say
        ConfigKeys.require(config, "use_sliding_window", "false");
        ConfigKeys.require(config, "attn_output_gate", "true");
        // behind the convolution Transformers has silu or this, as the kernels are that it finds
        ConfigKeys.require(config, "hidden_act", "silu");
        JsonObject json = config.withAbsent(Map.of("intermediate_size", 5632L));
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        int interval = json.intOr("full_attention_interval", 4, 1);
        List<Boolean> linear = LayerTypes.linear(json, sizes.layers(), i -> (i + 1) % interval != 0);
        JsonObject scaling = RopeKeys.ofAllLayers(json);
        ExpertLayout experts = new ExpertLayout(
                ExpertLayout.Names.PROJECTIONS,
                ExpertLayout.count(json, 512),
                json.intOr("num_experts_per_tok", 10, 1),
                json.longOr("moe_intermediate_size", 512),
                json.flagOr("norm_topk_prob", true),
                ExpertLayout.sparse(json));
        return new Qwen3NextConfig(
                sizes,
                Rope.from(json, scaling, sizes, RopeKeys.theta(json, scaling, 1e4), ROTATED),
                json.booleanOr("attention_bias", false),
                new DeltaLayout(
                        json.intOr("linear_num_key_heads", 16, 1),
                        json.intOr("linear_num_value_heads", 32, 1),
                        json.intOr("linear_key_head_dim", 128, 1),
                        json.intOr("linear_value_head_dim", 128, 1),
                        json.intOr("linear_conv_kernel_dim", 4, 1),
                        DeltaLayout.Projections.GROUPED,
                        linear::get),
                new SharedExpertLayout(experts, json.longOr("shared_expert_intermediate_size", 512)),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
