package org.loft4j.export;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.loft4j.CheckpointException;

/** llama.cpp's names for what lies within a block, by those that a family has for it. */
final class BlockNames {
    /** The matrices of a feed-forward part without experts. */
    static final Set<String> PLAIN = Set.of("ffn_gate", "ffn_up", "ffn_down");

    /** The matrix of latent attention that makes keys and values of all heads. */
    static final String LATENT = "self_attn.kv_b_proj.weight";

    /** Modules, both names without {@code .weight} and {@code .bias}. */
    private final Map<String, String> modules = new LinkedHashMap<>();

    /** Tensors of a block that are no weight or bias of a module, with all of their name. */
    private final Map<String, String> parameters = new LinkedHashMap<>();

    /** What is numbered in files, and one tensor here: matrices of experts, and norms of heads. */
    private final Map<String, String> numbered = new LinkedHashMap<>();

    /** Tensors of a block whose rows become two, in halves, with all of their names. */
    private final Map<String, List<String>> halves = new LinkedHashMap<>();

    BlockNames(TextConfig config) throws CheckpointException {
        GgufArchitecture architecture = config.architecture();
        switch (architecture) {
            case LLAMA, MISTRAL3, QWEN2, QWEN2MOE, SMOLLM3, GRANITE, GRANITEMOE, GEMMA, ERNIE4_5 -> {
                separate();
                norms(false);
            }
            case QWEN3, QWEN3MOE, OLMOE -> {
                separate();
                norms(false);
                headNorms();
            }
            case QWEN35, QWEN35MOE -> {
                separate();
                modules.put("input_layernorm", "attn_norm");
                modules.put("post_attention_layernorm", "post_attention_norm");
                headNorms();
                modules.put("linear_attn.in_proj_qkv", "attn_qkv");
                modules.put("linear_attn.in_proj_z", "attn_gate");
                modules.put("linear_attn.in_proj_b", "ssm_beta");
                modules.put("linear_attn.in_proj_a", "ssm_alpha");
                modules.put("linear_attn.conv1d", "ssm_conv1d");
                modules.put("linear_attn.norm", "ssm_norm");
                modules.put("linear_attn.out_proj", "ssm_out");
                parameters.put("linear_attn.A_log", "ssm_a");
                parameters.put("linear_attn.dt_bias", "ssm_dt.bias");
            }
            case GRANITEHYBRID -> {
                separate();
                norms(false);
                modules.put("mamba.in_proj", "ssm_in");
                modules.put("mamba.conv1d", "ssm_conv1d");
                modules.put("mamba.norm", "ssm_norm");
                modules.put("mamba.out_proj", "ssm_out");
                parameters.put("mamba.A_log", "ssm_a");
                parameters.put("mamba.D", "ssm_d");
                parameters.put("mamba.dt_bias", "ssm_dt.bias");
            }
            case LFM2 -> {
                modules.put("operator_norm", "attn_norm");
                heads("self_attn.out_proj");
                modules.put("self_attn.q_layernorm", "attn_q_norm");
                modules.put("self_attn.k_layernorm", "attn_k_norm");
                modules.put("conv.in_proj", "shortconv.in_proj");
                modules.put("conv.conv", "shortconv.conv");
                modules.put("conv.out_proj", "shortconv.out_proj");
                modules.put("ffn_norm", "ffn_norm");
                modules.put("feed_forward.w1", "ffn_gate");
                modules.put("feed_forward.w3", "ffn_up");
                modules.put("feed_forward.w2", "ffn_down");
            }
            case GEMMA2 -> {
                separate();
                norms(true);
            }
            case GEMMA3, GEMMA_EMBEDDING -> {
                separate();
                norms(true);
                headNorms();
            }
            case GEMMA4 -> {
                separate();
                norms(true);
                headNorms();
                if (config.inputWidth() > 0) {
                    modules.put("per_layer_input_gate", "inp_gate");
                    modules.put("per_layer_projection", "proj");
                    modules.put("post_per_layer_input_norm", "post_norm");
                }
                parameters.put("layer_scalar", "layer_output_scale.weight");
            }
            case OLMO2, EXAONE4 -> {
                separate();
                modules.put("post_attention_layernorm", "post_attention_norm");
                modules.put("post_feedforward_layernorm", "post_ffw_norm");
                headNorms();
            }
            case STARCODER2 -> {
                heads("self_attn.o_proj");
                modules.put("mlp.c_fc", "ffn_up");
                modules.put("mlp.c_proj", "ffn_down");
                norms(false);
            }
            case PHI2 -> {
                modules.put("input_layernorm", "attn_norm");
                heads("self_attn.dense");
                modules.put("mlp.fc1", "ffn_up");
                modules.put("mlp.fc2", "ffn_down");
            }
            case PHI3 -> {
                modules.put("self_attn.qkv_proj", "attn_qkv");
                modules.put("self_attn.o_proj", "attn_output");
                modules.put("mlp.gate_up_proj", "ffn_up");
                modules.put("mlp.down_proj", "ffn_down");
                norms(false);
            }
            case GLM4 -> {
                heads("self_attn.o_proj");
                modules.put("mlp.gate_up_proj", "ffn_up");
                modules.put("mlp.down_proj", "ffn_down");
                modules.put("input_layernorm", "attn_norm");
                modules.put("post_self_attn_layernorm", "post_attention_norm");
                modules.put("post_attention_layernorm", "ffn_norm");
                modules.put("post_mlp_layernorm", "post_ffw_norm");
            }
            case COMMAND_R, COHERE2 -> {
                separate();
                modules.put("input_layernorm", "attn_norm");
                if (config.json().booleanOr("use_qk_norm", false)) {
                    headNorms();
                }
            }
            case STABLELM -> {
                separate();
                modules.put("input_layernorm", "attn_norm");
                if (!config.json().booleanOr("use_parallel_residual", false)) {
                    modules.put("post_attention_layernorm", "ffn_norm");
                }
                if (config.json().booleanOr("qk_layernorm", false)) {
                    numbered.put("self_attn.q_layernorm.norms", "attn_q_norm");
                    numbered.put("self_attn.k_layernorm.norms", "attn_k_norm");
                }
            }
            case GLM4MOE -> {
                separate();
                modules.put("input_layernorm", "attn_norm");
                modules.put("post_attention_layernorm", "post_attention_norm");
                if (config.json().booleanOr("use_qk_norm", false)) {
                    headNorms();
                }
            }
            case DEEPSEEK2 -> {
                separate();
                norms(false);
                modules.remove("self_attn.k_proj");
                modules.remove("self_attn.v_proj");
                if (LatentParameters.queryRank(config) > 0) {
                    modules.remove("self_attn.q_proj");
                    modules.put("self_attn.q_a_proj", "attn_q_a");
                    modules.put("self_attn.q_a_layernorm", "attn_q_a_norm");
                    modules.put("self_attn.q_b_proj", "attn_q_b");
                }
                modules.put("self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa");
                modules.put("self_attn.kv_a_layernorm", "attn_kv_a_norm");
                halves.put(LATENT, List.of("attn_k_b.weight", "attn_v_b.weight"));
            }
            case SEED_OSS -> {
                separate();
                modules.put("input_layernorm", "attn_norm");
                modules.put("post_attention_layernorm", "post_attention_norm");
            }
            case GPT_OSS -> {
                heads("self_attn.o_proj");
                modules.put("input_layernorm", "attn_norm");
                modules.put("post_attention_layernorm", "post_attention_norm");
                modules.put("mlp.router", "ffn_gate_inp");
                parameters.put("self_attn.sinks", "attn_sinks.weight");
            }
            case BERT -> {
                modules.put("attention.self.query", "attn_q");
                modules.put("attention.self.key", "attn_k");
                modules.put("attention.self.value", "attn_v");
                modules.put("attention.output.dense", "attn_output");
                modules.put("attention.output.LayerNorm", "attn_output_norm");
                modules.put("intermediate.dense", "ffn_up");
                modules.put("output.dense", "ffn_down");
                modules.put("output.LayerNorm", "layer_output_norm");
            }
            case GPTNEOX -> {
                norms(false);
                modules.put("attention.query_key_value", "attn_qkv");
                modules.put("attention.dense", "attn_output");
                modules.put("mlp.dense_h_to_4h", "ffn_up");
                modules.put("mlp.dense_4h_to_h", "ffn_down");
            }
            case GPT2 -> {
                modules.put("ln_1", "attn_norm");
                modules.put("attn.c_attn", "attn_qkv");
                modules.put("attn.c_proj", "attn_output");
                modules.put("ln_2", "ffn_norm");
                modules.put("mlp.c_fc", "ffn_up");
                modules.put("mlp.c_proj", "ffn_down");
            }
        }
        if (config.isGranite4()) {
            modules.values().removeIf(PLAIN::contains);
            modules.put("shared_mlp.output_linear", "ffn_down");
            halves.put("shared_mlp.input_linear.weight", List.of("ffn_gate.weight", "ffn_up.weight"));
        }
        if (Mixtures.count(config) > 0) {
            mixture(config);
        }
    }

    private void mixture(TextConfig config) throws CheckpointException {
        switch (config.architecture()) {
            case GPT_OSS -> {}
            case GEMMA4 -> {
                modules.put("router.proj", "ffn_gate_inp");
                parameters.put("router.scale", "ffn_gate_inp.scale");
                parameters.put("router.per_expert_scale", "ffn_down_exps.scale");
                modules.put("pre_feedforward_layernorm_2", "pre_ffw_norm_2");
                modules.put("post_feedforward_layernorm_1", "post_ffw_norm_1");
                modules.put("post_feedforward_layernorm_2", "post_ffw_norm_2");
                stacked("experts.gate_up_proj", "experts.down_proj");
            }
            case GRANITEMOE, GRANITEHYBRID -> {
                modules.values().removeIf(PLAIN::contains);
                modules.put("block_sparse_moe.router.layer", "ffn_gate_inp");
                stacked("block_sparse_moe.input_linear.weight", "block_sparse_moe.output_linear.weight");
                if (config.isGranite4()) {
                    modules.put("shared_mlp.output_linear", "ffn_down_shexp");
                    halves.put(
                            "shared_mlp.input_linear.weight", List.of("ffn_gate_shexp.weight", "ffn_up_shexp.weight"));
                }
            }
            case QWEN35MOE, QWEN2MOE -> {
                numbered("mlp", "gate_proj", "up_proj", "down_proj");
                if (config.architecture() == GgufArchitecture.QWEN35MOE) {
                    stacked("mlp.experts.gate_up_proj", "mlp.experts.down_proj");
                }
                modules.put("mlp.shared_expert_gate", "ffn_gate_inp_shexp");
                modules.put("mlp.shared_expert.gate_proj", "ffn_gate_shexp");
                modules.put("mlp.shared_expert.up_proj", "ffn_up_shexp");
                modules.put("mlp.shared_expert.down_proj", "ffn_down_shexp");
            }
            case DEEPSEEK2, GLM4MOE -> {
                numbered("mlp", "gate_proj", "up_proj", "down_proj");
                if (Mixtures.denseFirst(config) > 0) {
                    feedForward();
                }
                if (!config.isDeepseekV2()) {
                    parameters.put("mlp.gate.e_score_correction_bias", "exp_probs_b.bias");
                }
                modules.put("mlp.shared_experts.gate_proj", "ffn_gate_shexp");
                modules.put("mlp.shared_experts.up_proj", "ffn_up_shexp");
                modules.put("mlp.shared_experts.down_proj", "ffn_down_shexp");
            }
            case LLAMA -> numbered("block_sparse_moe", "w1", "w3", "w2");
            default -> numbered("mlp", "gate_proj", "up_proj", "down_proj");
        }
    }

    /** Experts that are modules of their own. */
    private void numbered(String module, String gate, String up, String down) {
        modules.values().removeIf(PLAIN::contains);
        modules.put(module + ".gate", "ffn_gate_inp");
        numbered.put(module + ".experts." + gate, "ffn_gate_exps");
        numbered.put(module + ".experts." + up, "ffn_up_exps");
        numbered.put(module + ".experts." + down, "ffn_down_exps");
    }

    /** Experts whose matrices lie in two tensors, gates before ups. */
    private void stacked(String gateUp, String down) {
        halves.put(gateUp, List.of("ffn_gate_exps.weight", "ffn_up_exps.weight"));
        parameters.put(down, "ffn_down_exps.weight");
    }

    /** A matrix each for queries, keys and values, and one for what comes out. */
    private void heads(String output) {
        modules.put("self_attn.q_proj", "attn_q");
        modules.put("self_attn.k_proj", "attn_k");
        modules.put("self_attn.v_proj", "attn_v");
        modules.put(output, "attn_output");
    }

    private void separate() {
        heads("self_attn.o_proj");
        feedForward();
    }

    private void feedForward() {
        modules.put("mlp.gate_proj", "ffn_gate");
        modules.put("mlp.up_proj", "ffn_up");
        modules.put("mlp.down_proj", "ffn_down");
    }

    private void norms(boolean aroundBoth) {
        modules.put("input_layernorm", "attn_norm");
        if (aroundBoth) {
            modules.put("post_attention_layernorm", "post_attention_norm");
            modules.put("pre_feedforward_layernorm", "ffn_norm");
            modules.put("post_feedforward_layernorm", "post_ffw_norm");
        } else {
            modules.put("post_attention_layernorm", "ffn_norm");
        }
    }

    private void headNorms() {
        modules.put("self_attn.q_norm", "attn_q_norm");
        modules.put("self_attn.k_norm", "attn_k_norm");
    }

    Map<String, String> modules() {
        return Collections.unmodifiableMap(modules);
    }

    Map<String, String> parameters() {
        return Collections.unmodifiableMap(parameters);
    }

    Map<String, String> numbered() {
        return Collections.unmodifiableMap(numbered);
    }

    Map<String, List<String>> halves() {
        return Collections.unmodifiableMap(halves);
    }
}
