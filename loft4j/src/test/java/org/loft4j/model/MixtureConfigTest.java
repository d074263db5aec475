package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

/** What mixtures of experts make of config.json: which settings are refused, which blocks have experts. */
class MixtureConfigTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "qwen3_moe | output_router_logits | true | output_router_logits must be false",
                "qwen3_moe | num_local_experts | 5 | num_local_experts must be 6",
                "qwen3_moe | num_experts_per_tok | 7 | num_experts_per_tok must be",
                "qwen3_moe | decoder_sparse_step | 0 | decoder_sparse_step",
                "qwen3_moe | mlp_only_layers | 1 | mlp_only_layers",
                "qwen3_moe | mlp_only_layers | [0.5] | mlp_only_layers",
                "mixtral_sw | router_jitter_noise | 0.1 | router_jitter_noise must be 0",
                "olmoe | clip_qkv | 8.0 | clip_qkv",
                "gpt_oss | output_router_logits | true | output_router_logits must be false",
                "gpt_oss | num_experts_per_tok | 7 | num_experts_per_tok must be",
                "gpt_oss | num_experts | 5 | num_experts must be 6",
                "gpt_oss | swiglu_limit | 8.0 | swiglu_limit must be 7.0",
                "gpt_oss | hidden_act | \"gelu\" | hidden_act must be silu",
                "gpt_oss | quantization_config | {\"quant_method\": \"bitsandbytes\"} | must be absent, got bitsandbytes",
                "gpt_oss | quantization_config | {\"quant_method\": \"mxfp4\"} | gate_up_proj_blocks",
                "gpt_oss_mxfp4 | quantization_config | null | mlp.experts.gate_up_proj",
                "gpt_oss_mxfp4 | intermediate_size | 24 | multiples of 32",
                "llama4_text | num_experts_per_tok | 6 | num_experts_per_tok must be",
                "llama4_text | attention_chunk_size | null | attention_chunk_size",
                "llama4_text | layer_types | [\"sliding_attention\"] | layer_types",
                "llama4_text | no_rope_layers | [1, 0] | no_rope_layers",
                "llama4_text | moe_layers | [0.5] | moe_layers",
                "llama4_text | partial_rotary_factor | 0.7 | partial_rotary_factor must be absent or 1",
                "llama4_text | for_llm_compressor | true | for_llm_compressor must be false",
                "llama4_text | quantization_config | {\"quant_method\": \"fp8\"} | must be absent, got fp8",
                "llama4_text | intermediate_size_mlp | 0 | intermediate_size_mlp must be",
                "deepseek_v2 | topk_method | \"noaux_tc\" | topk_method must be",
                "deepseek_v2 | norm_topk_prob | true | norm_topk_prob must be false",
                "deepseek_v2 | scoring_func | \"sigmoid\" | scoring_func must be softmax",
                "deepseek_v2 | mlp_bias | true | mlp_bias must be false",
                "deepseek_v2 | rope_interleave | false | rope_interleave must be true",
                "deepseek_v2_groups | n_group | 3 | n_routed_experts must be a multiple of n_group",
                "deepseek_v2_groups | topk_group | 5 | topk_group must be",
                "qwen2_moe | use_sliding_window | true | use_sliding_window must be false",
                "qwen2_moe | layer_types | [\"full_attention\", \"sliding_attention\"] | layer_types must be",
                "qwen2_moe | num_local_experts | 5 | num_local_experts must be 6",
                "qwen2_moe | shared_expert_intermediate_size | 0 | shared_expert_intermediate_size must be",
                "deepseek_v3 | topk_method | \"greedy\" | topk_method must be noaux_tc",
                "deepseek_v3 | scoring_func | \"softmax\" | scoring_func must be sigmoid",
                "deepseek_v3 | moe_layer_freq | 2 | moe_layer_freq must be 1",
                "deepseek_v3 | n_group | 3 | n_routed_experts must be a multiple of n_group",
                "deepseek_v3 | n_group | 8 | n_routed_experts over n_group must be at least 2",
                "deepseek_v3 | topk_group | 5 | topk_group must be",
                "deepseek_v3 | num_local_experts | 7 | num_local_experts must be 8",
                "deepseek_v3 | num_key_value_heads | 1 | num_key_value_heads must be num_attention_heads",
                "deepseek_v3 | head_dim | 8 | head_dim must be 4",
                "deepseek_v3 | qk_head_dim | 8 | qk_head_dim must be 10",
                "deepseek_v3 | partial_rotary_factor | 0.5 | partial_rotary_factor must be 1",
                "deepseek_v3 | quantization_config | {\"quant_method\": \"fp8\"} | must be absent, got fp8",
                "deepseek_v3 | first_k_dense_replace | 2 | model.layers.1.mlp.",
                "deepseek_v3_plain | q_lora_rank | 10 | q_a_proj",
                "glm4_moe_lite | mlp_layer_types | [\"dense\"] | must say dense or sparse for each of 2 layers",
                "glm4_moe_lite | first_k_dense_replace | 0 | first_k_dense_replace must be 1",
                "glm4_moe | routed_scaling_factor | 0 | routed_scaling_factor must be",
                "mixtral_sw | quantization_config | {\"quant_method\": \"mxfp4\"} | must be absent, got mxfp4",
            })
    void whatAMixtureIsNotIsRefusedByItsKey(String fixture, String key, String value, String fault) throws Exception {
        Path changed = CheckpointCopy.of(
                folder,
                Fixture.directory(fixture),
                json -> json.putPOJO(key, CheckpointCopy.value(value)),
                name -> name,
                Dtype.F32);
        Exception refused = assertThrows(Exception.class, () -> Models.open(changed, ModelOptions.of(Task.CAUSAL_LM)));
        assertTrue(refused.getMessage().contains(fault), refused.getMessage());
    }

    /** As in Transformers: every so many blocks, counted from one, but for those that are listed. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "qwen3_moe | 1 | [1] | 0,2",
                "qwen3_moe | 1 | | 0,1,2",
                "qwen3_moe | 2 | [] | 1",
                "qwen3_moe | 3 | [] | 2",
                "qwen3_moe | 1 | [0, 2] | 1",
                "qwen2_moe | 1 | [1] | 0",
                "qwen2_moe | 2 | [] | 1"
            })
    void theBlocksWithExpertsAreThoseOfTheirKeys(String family, int step, String dense, String expected)
            throws Exception {
        Path changed = CheckpointCopy.of(
                folder,
                Fixture.directory(family),
                json -> {
                    json.put("decoder_sparse_step", step);
                    json.putPOJO("mlp_only_layers", dense == null ? null : CheckpointCopy.value(dense));
                },
                name -> name,
                Dtype.F32);
        try (Model model = Models.outline(changed, ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals(
                    expected,
                    model.mixtures().stream()
                            .map(mixture -> mixture.router().path().replaceAll("\\D", ""))
                            .collect(java.util.stream.Collectors.joining(",")));
        }
    }

    @Test
    void expertsInOneTensorAreRefusedWithTheRemedy() throws Exception {
        Path fused = CheckpointCopy.of(
                folder,
                Fixture.directory("qwen3_moe"),
                json -> {},
                name -> name.equals("model.layers.0.mlp.experts.0.up_proj.weight")
                        ? "model.layers.0.mlp.experts.gate_up_proj"
                        : name,
                Dtype.F32);
        CheckpointException refused =
                assertThrows(CheckpointException.class, () -> Models.open(fused, ModelOptions.of(Task.CAUSAL_LM)));
        assertTrue(refused.getMessage().contains("save_original_format"), refused.getMessage());
    }
}
