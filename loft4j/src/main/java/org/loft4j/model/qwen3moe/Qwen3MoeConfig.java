package org.loft4j.model.qwen3moe;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.ExpertLayout;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Qwen3 model with mixtures of experts, as its config.json states it.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions
 * @param attentionBias whether q, k, v and o have biases
 * @param window how many tokens each sees, itself the last of them; 0 for all before it
 * @param experts of every {@code decoder_sparse_step}th block but those of {@code mlp_only_layers}
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Qwen3MoeConfig(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        long window,
        ExpertLayout experts,
        double classifierDropout) {
    private static final DecoderConfig.Defaults ABSENT =
            new DecoderConfig.Defaults(4, 0, 32768, 1e-6, false, "hidden_act", "silu");

    /** Of which {@code max_window_layers} is without effect: in Transformers all blocks have the window, or none. */
    private static final Set<String> KEYS = Set.of(
            "use_sliding_window",
            "sliding_window",
            "max_window_layers",
            "attention_bias",
            "num_experts",
            "num_local_experts",
            "moe_intermediate_size",
            "norm_topk_prob",
            "decoder_sparse_step",
            "mlp_only_layers");

    /** Reads config.json. */
    public static Qwen3MoeConfig from(JsonObject json) throws CheckpointException {
        ConfigKeys.checkDecoder(json, ExpertLayout.keysWith(KEYS));
        ExpertLayout.requirePlainRouter(json);
        DecoderConfig sizes = DecoderConfig.from(json, ABSENT);
        return new Qwen3MoeConfig(
                sizes,
                Rope.from(json, sizes, 10000),
                json.booleanOr("attention_bias", false),
                json.booleanOr("use_sliding_window", false) ? LayerTypes.window(json, 4096) : 0,
                new ExpertLayout(
                        ExpertLayout.Names.PROJECTIONS,
                        ExpertLayout.count(json, 128),
                        json.intOr("num_experts_per_tok", 8, 1),
                        json.longOr("moe_intermediate_size", 768),
                        json.booleanOr("norm_topk_prob", false),
                        ExpertLayout.sparse(json)),
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, ABSENT.maxPositions());
    }
}
