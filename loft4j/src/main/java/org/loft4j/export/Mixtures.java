package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.JsonObject;

/** What llama.cpp reads of mixtures of experts. */
final class Mixtures {
    private Mixtures() {}

    /** How many experts each block has; 0 where it has none. */
    static int count(TextConfig config) throws CheckpointException {
        JsonObject json = config.json();
        return switch (config.architecture()) {
            case QWEN3MOE -> json.intOr("num_experts", json.intOr("num_local_experts", 128, 1), 1);
            case QWEN2MOE -> json.intOr("num_experts", json.intOr("num_local_experts", 60, 1), 1);
            case QWEN35MOE -> json.intOr("num_experts", 256, 1);
            case OLMOE -> json.intOr("num_experts", 64, 1);
            case DEEPSEEK2, GLM4MOE -> ScoredMixtures.count(config);
            case GPT_OSS -> json.intOr("num_local_experts", json.intOr("num_experts", 128, 1), 1);
            case GEMMA4 -> json.booleanOr("enable_moe_block", false) ? json.requireInt("num_experts", 1) : 0;
            case GRANITEMOE -> json.intOr("num_local_experts", 8, 1);
            case GRANITEHYBRID -> ofGranite4(json);
            default -> config.isMixtral() ? json.intOr("num_local_experts", 8, 1) : 0;
        };
    }

    /** How many a Granite 4 has. */
    static int ofGranite4(JsonObject json) throws CheckpointException {
        return json.intOr("num_local_experts", 8, 0);
    }

    /** How many of the first blocks have none. */
    static int denseFirst(TextConfig config) throws CheckpointException {
        return config.architecture().beginsDense() ? ScoredMixtures.denseFirst(config) : 0;
    }

    /** Refuses layers without experts among those that have them: llama.cpp has experts in every layer. */
    static void requireThroughout(TextConfig config) throws CheckpointException {
        if (config.architecture() != GgufArchitecture.QWEN3MOE && config.architecture() != GgufArchitecture.QWEN2MOE) {
            return;
        }
        JsonObject json = config.json();
        int step = json.intOr("decoder_sparse_step", 1, 1);
        JsonNode dense = json.node("mlp_only_layers");
        if (step != 1) {
            throw json.fault("decoder_sparse_step", "is " + step + ", where llama.cpp has experts in every layer");
        }
        if (dense != null && !dense.isEmpty()) {
            throw json.fault("mlp_only_layers", "is " + dense + ", where llama.cpp has experts in every layer");
        }
    }

    /** Puts their numbers and their widths, where there are any. */
    static void put(TextConfig config, GgufMetadata metadata, String key) throws CheckpointException {
        int count = count(config);
        if (count == 0) {
            return;
        }
        JsonObject json = config.json();
        metadata.count(key + "expert_count", count);
        metadata.count(key + "expert_used_count", chosen(config));
        String width = key + "expert_feed_forward_length";
        String shared = key + "expert_shared_feed_forward_length";
        switch (config.architecture()) {
            case QWEN3MOE -> metadata.count(width, json.intOr("moe_intermediate_size", 768, 1));
            case QWEN2MOE -> {
                metadata.count(width, json.intOr("moe_intermediate_size", 1408, 1));
                metadata.count(shared, json.intOr("shared_expert_intermediate_size", 5632, 1));
            }
            case QWEN35MOE -> {
                metadata.count(width, config.feedForward());
                metadata.count(shared, json.intOr("shared_expert_intermediate_size", 512, 1));
            }
            case GEMMA4 -> metadata.count(width, json.requireInt("moe_intermediate_size", 1));
            case GPT_OSS -> metadata.count(width, config.feedForward());
            case DEEPSEEK2, GLM4MOE -> ScoredMixtures.put(config, metadata, key);
            default -> {
                if (config.isGranite4()) {
                    metadata.count(shared, json.intOr("shared_intermediate_size", 1024, 1));
                }
            }
        }
    }

    /** How many of them a token goes through. */
    private static int chosen(TextConfig config) throws CheckpointException {
        JsonObject json = config.json();
        return switch (config.architecture()) {
            case GEMMA4 -> json.requireInt("top_k_experts", 1);
            case GPT_OSS, QWEN2MOE -> json.intOr("num_experts_per_tok", 4, 1);
            case DEEPSEEK2 -> json.intOr("num_experts_per_tok", config.isGlmLite() ? 4 : 8, 1);
            case GRANITEMOE, GRANITEHYBRID -> json.intOr("num_experts_per_tok", 2, 1);
            default -> json.intOr("num_experts_per_tok", config.isMixtral() ? 2 : 8, 1);
        };
    }
}
