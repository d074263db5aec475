package org.loft4j.model.deepseek;

import com.fasterxml.jackson.databind.node.LongNode;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;
import org.loft4j.model.shared.ScoredExperts;
import org.loft4j.nn.HeadProjection.Latent;
import org.loft4j.nn.RopeScaling;

/**
 * The shape of a DeepSeek V2 or V3 or of GLM-4.7-Flash, as its config.json states it.
 *
 * @param family {@code model_type}
 * @param sizes what all decoders state; {@code headDim} is what of a head is turned
 * @param rope rotary positions of that part
 * @param heads the parts of a head
 * @param queryRank {@code q_lora_rank}: numbers of a token that its queries are made of; 0 for the states themselves
 * @param keyValueRank {@code kv_lora_rank}: numbers that its keys and values are made of
 * @param attentionBias whether the layers on the hidden states and o have biases
 * @param scale of the scores
 * @param experts of the blocks with mixtures
 * @param classifierDropout before a classifier of tokens, while training
 */
public record DeepseekV3Config(
        String family,
        DecoderConfig sizes,
        Rope rope,
        Latent.Sizes heads,
        int queryRank,
        int keyValueRank,
        boolean attentionBias,
        double scale,
        ScoredExperts experts,
        double classifierDropout) {
    private static final String TURNED = "qk_rope_head_dim";
    private static final String HEAD_DIM = "head_dim";
    private static final String QUERY_RANK = "q_lora_rank";
    private static final String DENSE_FIRST = "first_k_dense_replace";
    private static final String INTERLEAVE = "rope_interleave";
    private static final String MLP_BIAS = "mlp_bias";
    private static final String MLP_TYPES = "mlp_layer_types";

    private static final Set<String> KEYS = Set.of(
            TURNED,
            "qk_nope_head_dim",
            "qk_head_dim",
            "v_head_dim",
            QUERY_RANK,
            "kv_lora_rank",
            INTERLEAVE,
            "attention_bias",
            "pretraining_tp");

    /** What Transformers assumes where a file is silent. */
    private record Absent(
            DecoderConfig.Defaults sizes,
            int queryRank,
            int plain,
            int value,
            int denseFirst,
            ScoredExperts.@Nullable Defaults experts) {}

    private static final Absent DEEPSEEK = new Absent(
            new DecoderConfig.Defaults(0, 64, 4096, 1e-6, false, "hidden_act", "silu"),
            1536,
            128,
            128,
            3,
            new ScoredExperts.Defaults(256, 8, 2048, 8, 4, 2.5));

    /** Of experts {@link ScoredExperts#ofV2} knows. */
    private static final Absent V2 = new Absent(
            new DecoderConfig.Defaults(0, 64, 2048, 1e-6, false, "hidden_act", "silu"), 1536, 128, 128, 0, null);

    private static final Absent GLM = new Absent(
            new DecoderConfig.Defaults(0, 64, 202752, 1e-5, false, "hidden_act", "silu"),
            768,
            192,
            256,
            1,
            new ScoredExperts.Defaults(64, 4, 1536, 1, 1, 1.8));

    public DeepseekV3Config {
        Checks.atLeast(TURNED, heads.turned(), 2);
        Checks.atLeast("qk_nope_head_dim", heads.plain(), 1);
        Checks.atLeast("v_head_dim", heads.value(), 1);
        Checks.atLeast("kv_lora_rank", keyValueRank, 1);
        if (sizes.keyValueHeads() != sizes.heads()) {
            throw new ConfigException(
                    "num_key_value_heads must be num_attention_heads, of which each has keys of its own in"
                            + " latent attention, got " + sizes.keyValueHeads() + " and " + sizes.heads());
        }
        if (rope.dim() != heads.turned()) {
            throw new ConfigException("partial_rotary_factor must be 1: what is turned of a head is " + TURNED + ", "
                    + heads.turned() + ", and would be " + rope.dim() + " of it");
        }
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static DeepseekV3Config from(JsonObject stated) throws CheckpointException {
        Absent absent = absent(stated);
        Set<String> known = ScoredExperts.keysWith(KEYS);
        if (absent == GLM) {
            known.add(MLP_TYPES);
        }
        if (absent == V2) {
            known.add(MLP_BIAS);
            ConfigKeys.require(stated, MLP_BIAS, "false");
            ConfigKeys.require(stated, INTERLEAVE, "true");
        }
        ConfigKeys.checkDecoder(stated, known);
        int turned = stated.intOr(TURNED, absent.sizes().headDim(), 2);
        ConfigKeys.require(stated, HEAD_DIM, String.valueOf(turned));
        JsonObject json = stated.with(HEAD_DIM, LongNode.valueOf(turned));
        DecoderConfig sizes = DecoderConfig.from(json, absent.sizes());
        Latent.Sizes heads = new Latent.Sizes(
                turned, json.intOr("qk_nope_head_dim", absent.plain(), 1), json.intOr("v_head_dim", absent.value(), 1));
        ConfigKeys.require(json, "qk_head_dim", String.valueOf(heads.headDim()));
        Rope halves = Rope.from(json, sizes, 10000);
        Rope rope = json.booleanOr(INTERLEAVE, true) ? halves.ofNeighbours() : halves;
        return new DeepseekV3Config(
                family(json),
                sizes,
                rope,
                heads,
                queryRank(json, absent),
                json.intOr("kv_lora_rank", 512, 1),
                json.booleanOr("attention_bias", false),
                scale(heads, rope, RopeKeys.ofAllLayers(json)),
                absent.experts() == null
                        ? ScoredExperts.ofV2(json, sizes.layers())
                        : ScoredExperts.from(
                                json, absent.experts(), sizes.layers(), mixtures(json, sizes.layers(), absent)),
                DecoderConfig.tokenClassifierDropout(json));
    }

    private static String family(JsonObject json) throws CheckpointException {
        return json.stringOr("model_type", DeepseekV3Model.FAMILY);
    }

    private static Absent absent(JsonObject json) throws CheckpointException {
        return switch (family(json)) {
            case DeepseekV3Model.GLM_LITE -> GLM;
            case DeepseekV3Model.SECOND -> V2;
            default -> DEEPSEEK;
        };
    }

    /** A key that means another thing when it is {@code null} than when it is missing. */
    private static int queryRank(JsonObject json, Absent absent) throws CheckpointException {
        return json.has(QUERY_RANK)
                ? json.requireInt(QUERY_RANK, 1)
                : json.keys().contains(QUERY_RANK) ? 0 : absent.queryRank();
    }

    /** One over the root of a head's size; with yarn times the square of what {@code mscale_all_dim} makes of its factor. */
    private static double scale(Latent.Sizes heads, Rope rope, @Nullable JsonObject scaling)
            throws CheckpointException {
        double plain = 1 / Math.sqrt(heads.headDim());
        if (scaling == null || !(rope.scaling() instanceof RopeScaling.Yarn yarn)) {
            return plain;
        }
        double all = scaling.doubleOr("mscale_all_dim", 0);
        double more = all == 0 ? 1 : RopeScaling.Yarn.defaultAttentionFactor(yarn.factor(), all);
        return plain * more * more;
    }

    /** GLM's class goes by {@code mlp_layer_types}, DeepSeek's by {@code first_k_dense_replace}. */
    private static IntPredicate mixtures(JsonObject json, int layers, Absent absent) throws CheckpointException {
        if (absent != GLM) {
            return ScoredExperts.behindDense(json, absent.denseFirst());
        }
        if (!json.has(MLP_TYPES)) {
            ConfigKeys.require(json, DENSE_FIRST, "1");
            return ScoredExperts.behindDense(json, absent.denseFirst());
        }
        List<String> types = json.strings(MLP_TYPES);
        if (types.size() != layers || !Set.of("dense", "sparse").containsAll(types)) {
            throw json.fault(MLP_TYPES, "must say dense or sparse for each of " + layers + " layers, found " + types);
        }
        return block -> types.get(block).equals("sparse");
    }

    /** The longest sequence of a model with this config.json. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return DecoderConfig.maxPositions(json, absent(json).sizes().maxPositions());
    }
}
