package org.loft4j.export;

import java.util.List;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.JsonObject;

/** What llama.cpp reads of the mixtures of DeepSeek and GLM-4.5, which are behind blocks without any. */
final class ScoredMixtures {
    private static final String SPARSE = "mlp_layer_types";

    /** llama.cpp's number of a score that is the sigmoid of what the router says. */
    private static final int SIGMOID = 2;

    /** And that of a softmax. */
    private static final int SOFTMAX = 1;

    private ScoredMixtures() {}

    /** How many experts a mixture has. */
    static int count(TextConfig config) throws CheckpointException {
        JsonObject json = config.json();
        int absent = config.isGlmLite() || config.isDeepseekV2()
                ? 64
                : config.architecture() == GgufArchitecture.GLM4MOE ? 128 : 256;
        return json.intOr("n_routed_experts", json.intOr("num_local_experts", absent, 1), 1);
    }

    /**
     * How many of the first blocks have no mixture.
     *
     * @throws CheckpointException if blocks without one follow one that has it, which llama.cpp does not compute
     */
    static int denseFirst(TextConfig config) throws CheckpointException {
        JsonObject json = config.json();
        List<String> types = config.isGlmLite() ? json.strings(SPARSE) : List.of();
        if (types.isEmpty()) {
            boolean one = config.architecture() == GgufArchitecture.GLM4MOE || config.isGlmLite();
            return json.intOr("first_k_dense_replace", config.isDeepseekV2() ? 0 : one ? 1 : 3, 0);
        }
        int first = types.contains("sparse") ? types.indexOf("sparse") : types.size();
        if (types.subList(first, types.size()).contains("dense")) {
            throw json.fault(
                    SPARSE,
                    "has dense behind sparse, where llama.cpp has experts in every layer behind the first ones");
        }
        return first;
    }

    /** Puts what llama.cpp reads beside the number of experts and how many a token goes through. */
    static void put(TextConfig config, GgufMetadata metadata, String key) throws CheckpointException {
        if (config.isDeepseekV2()) {
            ofV2(config, metadata, key);
            return;
        }
        JsonObject json = config.json();
        boolean lite = config.isGlmLite();
        boolean deepseek = config.architecture() == GgufArchitecture.DEEPSEEK2 && !lite;
        int width = json.intOr("moe_intermediate_size", lite ? 1536 : deepseek ? 2048 : 1408, 1);
        int shared = json.intOr("n_shared_experts", 1, 1);
        sizes(config, metadata, key, width, shared);
        metadata.number(
                key + "expert_weights_scale", json.doubleOr("routed_scaling_factor", lite ? 1.8 : deepseek ? 2.5 : 1));
        metadata.flag(key + "expert_weights_norm", json.booleanOr("norm_topk_prob", true));
        metadata.count(key + "expert_gating_func", SIGMOID);
        int groups = json.intOr("n_group", deepseek ? 8 : 1, 1);
        int used = json.intOr("topk_group", deepseek ? 4 : 1, 1);
        // all groups are none, and llama.cpp ends where they are told as groups
        metadata.count(key + "expert_group_count", used == groups ? 1 : groups);
        metadata.count(key + "expert_group_used_count", used == groups ? 1 : used);
    }

    /** To llama.cpp a group of experts is as good as its two best, to DeepSeek V2 as its best. */
    private static void ofV2(TextConfig config, GgufMetadata metadata, String key) throws CheckpointException {
        JsonObject json = config.json();
        config.requireFlag("norm_topk_prob", false);
        config.requireFlag("mlp_bias", false);
        boolean grouped = json.stringOr("topk_method", "greedy").equals("group_limited_greedy");
        int groups = grouped ? json.intOr("n_group", 1, 1) : 1;
        if (grouped && json.intOr("topk_group", 1, 1) != groups) {
            throw json.fault(
                    "topk_method",
                    "is group_limited_greedy, by which a group is as good as its best expert, where llama.cpp goes by the"
                            + " two best");
        }
        sizes(
                config,
                metadata,
                key,
                json.intOr("moe_intermediate_size", 1407, 1),
                json.intOr("n_shared_experts", 2, 1));
        metadata.number(key + "expert_weights_scale", json.doubleOr("routed_scaling_factor", 1));
        metadata.flag(key + "expert_weights_norm", false);
        metadata.count(key + "expert_gating_func", SOFTMAX);
    }

    private static void sizes(TextConfig config, GgufMetadata metadata, String key, int width, int shared)
            throws CheckpointException {
        metadata.count(key + "expert_feed_forward_length", width);
        metadata.count(key + "expert_shared_feed_forward_length", (long) shared * width);
        metadata.count(key + "expert_shared_count", shared);
        metadata.count(key + "leading_dense_block_count", denseFirst(config));
    }
}
