package org.loft4j.export;

import java.util.List;
import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.Granite4Keys;
import org.loft4j.io.JsonObject;

/** What llama.cpp reads of blocks that have a memory for attention: which they are, and the sizes of LFM2's and of Granite 4's. */
final class MemoryParameters {
    private static final String TYPES = "layer_types";

    private MemoryParameters() {}

    /** Whether some block of a Granite 4 has a state space. */
    static boolean hasStates(JsonObject json) throws CheckpointException {
        List<String> types = json.strings(TYPES);
        return types.isEmpty() || types.contains("mamba") || types.contains("linear_attention");
    }

    /** Whether a block has a memory, in an architecture of which some have. */
    static boolean remembers(TextConfig config, int block) throws CheckpointException {
        JsonObject json = config.json();
        List<String> types = json.strings(TYPES);
        if (!types.isEmpty() && types.size() != config.layers()) {
            throw json.fault(
                    TYPES, "must have one entry for each of " + config.layers() + " layers, found " + types.size());
        }
        if (!types.isEmpty()) {
            return Set.of("linear_attention", "mamba", "conv").contains(types.get(block));
        }
        return switch (config.architecture()) {
            case LFM2 -> json.has("full_attn_idxs") && !attends(json, block);
            case QWEN35, QWEN35MOE -> (block + 1) % json.intOr("full_attention_interval", 4, 1) != 0;
            default -> true;
        };
    }

    private static boolean attends(JsonObject json, int block) throws CheckpointException {
        for (double number : json.requireDoubles("full_attn_idxs")) {
            if (number == block) {
                return true;
            }
        }
        return false;
    }

    /** How many heads of keys there are: for LFM2 and Granite 4 in each block, none in one with a memory, by which llama.cpp tells them apart. */
    static void keyHeads(TextConfig config, GgufMetadata metadata, String key) throws CheckpointException {
        String heads = key + "attention.head_count_kv";
        GgufArchitecture architecture = config.architecture();
        if (architecture != GgufArchitecture.LFM2 && architecture != GgufArchitecture.GRANITEHYBRID) {
            metadata.count(heads, config.keyValueHeads());
            return;
        }
        int[] each = new int[config.layers()];
        for (int i = 0; i < each.length; i++) {
            each[i] = config.remembers(i) ? 0 : config.keyValueHeads();
        }
        metadata.wholes(heads, each);
    }

    /** llama.cpp has no place for biases, and none for a convolution over one token. */
    static void lfm2(TextConfig config, GgufMetadata metadata, String key) throws CheckpointException {
        config.requireFlag("conv_bias", false);
        config.requireOneOf("hidden_act", "silu", Set.of("silu"));
        config.requireFlag("block_use_swiglu", true);
        config.requireFlag("use_pos_enc", true);
        int kernel = config.json().intOr("conv_L_cache", 3, 1);
        if (kernel < 2) {
            throw config.json().fault("conv_L_cache", "must be at least 2 for llama.cpp, found " + kernel);
        }
        metadata.count(key + "shortconv.l_cache", kernel);
    }

    /** To llama.cpp each group has a norm of its own, so that there must be one, and the convolution has a bias. */
    static void granite4(TextConfig config, GgufMetadata metadata, String key) throws CheckpointException {
        JsonObject json = config.json();
        String positions = json.stringOr("position_embedding_type", "nope");
        config.requireOneOf("position_embedding_type", "nope", Set.of("rope", "nope"));
        if (config.architecture() == GgufArchitecture.GRANITEMOE && positions.equals("nope")) {
            throw json.fault(
                    "position_embedding_type",
                    "must be rope for llama.cpp, found nope: it rotates where every layer has attention and experts");
        }
        metadata.flag(key + "rope.scaling.finetuned", positions.equals("rope"));
        if (config.architecture() != GgufArchitecture.GRANITEHYBRID) {
            return;
        }
        config.requireFlag("mamba_proj_bias", false);
        config.requireFlag("mamba_conv_bias", true);
        int groups = json.intOr("mamba_n_groups", 1, 1);
        if (groups != 1) {
            throw json.fault(
                    "mamba_n_groups", "must be 1 for llama.cpp, which norms each group by itself, found " + groups);
        }
        Granite4Keys.requireAnyStep(json);
        int heads = Granite4Keys.heads(json);
        int headDim = Granite4Keys.headDim(json, config.hiddenSize());
        metadata.count(key + "ssm.conv_kernel", json.intOr("mamba_d_conv", 4, 1));
        metadata.count(key + "ssm.state_size", json.intOr("mamba_d_state", 256, 1));
        metadata.count(key + "ssm.group_count", groups);
        metadata.count(key + "ssm.time_step_rank", heads);
        metadata.count(key + "ssm.inner_size", (long) heads * headDim);
    }
}
