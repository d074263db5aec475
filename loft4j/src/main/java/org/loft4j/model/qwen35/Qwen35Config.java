package org.loft4j.model.qwen35;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.QwenTower;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DeltaLayout;
import org.loft4j.model.shared.ExpertLayout;
import org.loft4j.model.shared.LayerTypes;
import org.loft4j.model.shared.Rope;

/**
 * The shape of a Qwen 3.5 language model, as its config.json states it, or the {@code text_config} in that of a model with a vision
 * tower.
 *
 * @param sizes what all decoders state
 * @param rope rotary positions of the blocks with full attention; those of the axes of an image are one in a text
 * @param attentionBias whether q, k, v and o have biases
 * @param linear the linear attention, and the blocks that have it
 * @param experts of every block; null in a dense model
 * @param classifierDropout before a classifier of tokens, while training
 */
public record Qwen35Config(
        DecoderConfig sizes,
        Rope rope,
        boolean attentionBias,
        DeltaLayout linear,
        @Nullable Qwen35Experts experts,
        double classifierDropout) {
    private static final double ROTATED = 0.25;

    private static final long POSITIONS = 32768;

    /** What Transformers' Qwen3_5TextConfig assumes. */
    private static final Map<String, Long> ABSENT_INSIDE = Map.of(
            "vocab_size", 248320L,
            "hidden_size", 4096L,
            "intermediate_size", 12288L,
            "num_hidden_layers", 32L,
            "num_attention_heads", 16L);

    /** What its Qwen3_5MoeTextConfig assumes. */
    private static final Map<String, Long> ABSENT_INSIDE_OF_MIXTURES =
            Map.of("vocab_size", 248320L, "hidden_size", 2048L, "num_hidden_layers", 40L, "num_attention_heads", 16L);

    private static final Set<String> KEYS = Set.of(
            "attention_bias",
            "attn_output_gate",
            "layer_types",
            "full_attention_interval",
            "linear_conv_kernel_dim",
            "linear_key_head_dim",
            "linear_value_head_dim",
            "linear_num_key_heads",
            "linear_num_value_heads",
            "mamba_ssm_dtype",
            "mtp_num_hidden_layers",
            "mtp_use_dedicated_embeddings");

    private static final Set<String> KEYS_OF_MIXTURES = Set.of(
            "num_experts",
            "moe_intermediate_size",
            "shared_expert_intermediate_size",
            "norm_topk_prob",
            "decoder_sparse_step",
            "mlp_only_layers");

    /** Reads config.json. What predicts several tokens at once ({@code mtp}) is not opened. */
    public static Qwen35Config from(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        if (isInside(config)) {
            ConfigKeys.checkAround(config, QwenTower.OF_IMAGES);
        }
        Qwen35Experts experts = isMixture(config) ? experts(json) : null;
        if (experts == null) {
            ConfigKeys.checkDecoder(json, KEYS);
        } else {
            // no layer has this width
            json = json.withAbsent(Map.of("intermediate_size", experts.width()));
        }
        // Transformers gates whatever it says
        ConfigKeys.require(json, "attn_output_gate", "true");
        ConfigKeys.require(json, "mamba_ssm_dtype", "float32");
        DecoderConfig sizes = DecoderConfig.from(
                json,
                new DecoderConfig.Defaults(experts == null ? 4 : 2, 256, POSITIONS, 1e-6, false, "hidden_act", "silu"));
        int interval = json.intOr("full_attention_interval", 4, 1);
        List<Boolean> linear = LayerTypes.linear(json, sizes.layers(), i -> (i + 1) % interval != 0);
        return new Qwen35Config(
                sizes,
                rope(json, sizes),
                json.booleanOr("attention_bias", false),
                new DeltaLayout(
                        json.intOr("linear_num_key_heads", 16, 1),
                        json.intOr("linear_num_value_heads", 32, 1),
                        json.intOr("linear_key_head_dim", 128, 1),
                        json.intOr("linear_value_head_dim", 128, 1),
                        json.intOr("linear_conv_kernel_dim", 4, 1),
                        DeltaLayout.Projections.SEPARATE,
                        linear::get),
                experts,
                DecoderConfig.tokenClassifierDropout(json));
    }

    /** Every layer has them, and the weights of a token's experts sum to one: Transformers reads nothing of either. */
    private static Qwen35Experts experts(JsonObject json) throws CheckpointException {
        Set<String> keys = new HashSet<>(KEYS);
        keys.addAll(KEYS_OF_MIXTURES);
        ConfigKeys.checkDecoder(json, ExpertLayout.keysWith(keys));
        ExpertLayout.requirePlainRouter(json);
        ConfigKeys.require(json, "norm_topk_prob", "true");
        ConfigKeys.require(json, "decoder_sparse_step", "1");
        ConfigKeys.require(json, "mlp_only_layers", "[]");
        return new Qwen35Experts(
                json.intOr("num_experts", 256, 1),
                json.intOr("num_experts_per_tok", 8, 1),
                json.longOr("moe_intermediate_size", 512),
                json.longOr("shared_expert_intermediate_size", 512));
    }

    private static Rope rope(JsonObject json, DecoderConfig sizes) throws CheckpointException {
        JsonObject scaling = QwenTower.rope(json);
        return Rope.from(json, scaling, sizes, RopeKeys.theta(json, scaling, 1e4), ROTATED);
    }

    /** The config.json of the language model as a model of its own, of that of a model with a vision tower. */
    public static ObjectNode languageModel(JsonObject config) throws CheckpointException {
        return text(config).toTree().put("model_type", ofText(config));
    }

    /** Whether a config.json is that of a model with a vision tower. */
    static boolean isInside(JsonObject config) throws CheckpointException {
        String family = config.stringOr("model_type", "");
        return family.equals(Qwen35Model.WITH_VISION) || family.equals(Qwen35Model.MIXTURE_WITH_VISION);
    }

    /** Whether a config.json is that of a model with mixtures of experts. */
    private static boolean isMixture(JsonObject config) throws CheckpointException {
        String family = config.stringOr("model_type", "");
        return family.equals(Qwen35Model.MIXTURE) || family.equals(Qwen35Model.MIXTURE_WITH_VISION);
    }

    /** {@code model_type} of the language model alone. */
    private static String ofText(JsonObject config) throws CheckpointException {
        return isMixture(config) ? Qwen35Model.MIXTURE : Qwen35Model.FAMILY;
    }

    private static JsonObject text(JsonObject config) throws CheckpointException {
        if (!isInside(config)) {
            return config;
        }
        JsonObject text = QwenTower.text(config, ofText(config));
        return text.withAbsent(isMixture(config) ? ABSENT_INSIDE_OF_MIXTURES : ABSENT_INSIDE);
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject config) throws CheckpointException {
        JsonObject json = text(config);
        return DecoderConfig.maxPositions(json, QwenTower.rope(json), POSITIONS);
    }
}
