package org.loft4j.model.qwen2moe;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.ExpertLayout;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;
import org.loft4j.model.shared.SharedExpertLayout;

/**
 * The shape of a Qwen1.5-MoE or a Qwen2 with mixtures of experts, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias {@code qkv_bias}: whether q, k and v have biases
 * @param experts of every {@code decoder_sparse_step}th block but those of {@code mlp_only_layers}
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Qwen2MoeConfig(
        DecoderConfig sizes, Rope rope, boolean attentionBias, SharedExpertLayout experts, double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(16, 0, 32768, 1e-6, false, "hidden_act", "silu");

    /** Of which those of windows are without effect, as there are none. */
    private static final Set<String> KEYS = Set.of(
            "use_sliding_window",
            "sliding_window",
            "max_window_layers",
            "layer_types",
            "qkv_bias",
            "num_experts",
            "num_local_experts",
            "moe_intermediate_size",
            "shared_expert_intermediate_size",
            "norm_topk_prob",
            "decoder_sparse_step",
            "mlp_only_layers");

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour, such as a window
     */
    public static Qwen2MoeConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(json, ExpertLayout.keysWith(KEYS));
        ExpertLayout.requirePlainRouter(json);
        ConfigKeys.require(json, "use_sliding_window", "false");
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        if (LayerTypes.sliding(json, sizes.layers(), block -> false).contains(true)) {
            throw new ConfigException(
                    "layer_types must be full_attention for every layer of qwen2_moe, got " + json.node("layer_types"));
        }
        ExpertLayout experts = new ExpertLayout(
                ExpertLayout.Names.PROJECTIONS,
                ExpertLayout.count(json, 60),
                json.intOr("num_experts_per_tok", 4, 1),
                json.longOr("moe_intermediate_size", 1408),
                json.booleanOr("norm_topk_prob", false),
                ExpertLayout.sparse(json));
        return new Qwen2MoeConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("qkv_bias", true),
                new SharedExpertLayout(experts, json.longOr("shared_expert_intermediate_size", 5632)),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
