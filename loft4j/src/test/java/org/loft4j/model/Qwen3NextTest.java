package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.model.qwen3next.Qwen3NextConfig;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.RopeScaling;
import org.loft4j.nn.Task;

/** What Qwen3-Next has beyond Qwen 3.5 and other mixtures. */
class Qwen3NextTest {
    /** The settings of the 80B-A3B. */
    private static final String HUB = """
            {"architectures": ["Qwen3NextForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
             "bos_token_id": 151643, "decoder_sparse_step": 1, "eos_token_id": 151645, "full_attention_interval": 4,
             "head_dim": 256, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
             "intermediate_size": 5120, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128,
             "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_value_head_dim": 128,
             "max_position_embeddings": 262144, "mlp_only_layers": [], "model_type": "qwen3_next",
             "moe_intermediate_size": 512, "norm_topk_prob": true, "num_attention_heads": 16, "num_experts": 512,
             "num_experts_per_tok": 10, "num_hidden_layers": 48, "num_key_value_heads": 2,
             "output_router_logits": false, "partial_rotary_factor": 0.25, "rms_norm_eps": 1e-06,
             "rope_scaling": null, "rope_theta": 10000000, "router_aux_loss_coef": 0.001,
             "shared_expert_intermediate_size": 512, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
             "transformers_version": "4.57.0.dev0", "use_cache": true, "use_sliding_window": false,
             "vocab_size": 151936}
            """;

    private static JsonObject json(String before, String after) throws CheckpointException {
        assertTrue(HUB.contains(before), before);
        return Json.parse(Path.of("config.json"), HUB.replace(before, after));
    }

    private static List<Integer> sparse(Qwen3NextConfig config) {
        return IntStream.range(0, 9).filter(config.experts().at()).boxed().toList();
    }

    @Test
    void theSettingsOfTheHubAreRead() throws CheckpointException {
        try (Logged warnings = new Logged(ConfigKeys.class)) {
            Qwen3NextConfig config = Qwen3NextConfig.from(json("", ""));
            assertEquals(List.of(), warnings.messages());
            assertEquals(64, config.rope().dim());
            assertEquals(1e7, config.rope().theta());
            assertEquals(
                    List.of(3, 7, 11),
                    IntStream.range(0, 12)
                            .filter(i -> !config.linear().at().test(i))
                            .boxed()
                            .toList());
            assertEquals(512, config.experts().experts().experts());
            assertTrue(config.experts().experts().normalised());
            assertEquals(9, sparse(config).size());
        }
    }

    /** Yarn as the model's page has it for texts of a million tokens. */
    @Test
    void yarnIsOfTheRotatedPart() throws CheckpointException {
        JsonObject json = json(
                "\"rope_scaling\": null",
                "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 4.0,"
                        + " \"original_max_position_embeddings\": 262144}");
        Qwen3NextConfig config = Qwen3NextConfig.from(json);
        assertEquals(64, config.rope().dim());
        assertTrue(config.rope().scaling() instanceof RopeScaling.Yarn yarn && yarn.original() == 262144);
        assertEquals(1048576, Qwen3NextConfig.maxPositions(json));
    }

    @Test
    void blocksAreDenseByTheStepOrByTheList() throws CheckpointException {
        assertEquals(
                List.of(1, 3, 5, 7),
                sparse(Qwen3NextConfig.from(json("\"decoder_sparse_step\": 1", "\"decoder_sparse_step\": 2"))));
        assertEquals(
                List.of(1, 2, 4, 5, 6, 7, 8),
                sparse(Qwen3NextConfig.from(json("\"mlp_only_layers\": []", "\"mlp_only_layers\": [0, 3]"))));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"use_sliding_window\": false | \"use_sliding_window\": true | use_sliding_window must be false",
                "\"use_cache\": true | \"attn_output_gate\": false | attn_output_gate must be true",
                "\"hidden_act\": \"silu\" | \"hidden_act\": \"gelu\" | hidden_act must be silu",
                "\"output_router_logits\": false | \"output_router_logits\": true | output_router_logits must be false",
                "\"use_cache\": true | \"num_local_experts\": 8 | num_local_experts must be 512",
                "\"num_experts_per_tok\": 10 | \"num_experts_per_tok\": 600 | num_experts_per_tok must be",
                "\"linear_num_value_heads\": 32 | \"linear_num_value_heads\": 24 | must be a multiple of linear_num_key_heads"
            })
    void settingsThatAreNotHonouredAreRefused(String before, String after, String message) throws CheckpointException {
        JsonObject json = json(before, after);
        ConfigException fault = assertThrows(ConfigException.class, () -> Qwen3NextConfig.from(json));
        assertTrue(fault.getMessage().contains(message), fault.getMessage());
    }

    /** PEFT's {@code all-linear} on Transformers 4, which has the same modules; what predicts further tokens is not opened. */
    @Test
    void theJoinedProjectionsAreTheLayers() throws Exception {
        try (Model model = Models.open(Fixture.directory("qwen3_next"), ModelOptions.of(Task.CAUSAL_LM))) {
            String block = "model.layers.0.";
            TreeSet<String> beside = new TreeSet<>();
            for (String path : model.linears().keySet()) {
                if (path.startsWith(block) && !path.contains(".experts.")) {
                    beside.add(path.substring(block.length()));
                }
                assertFalse(path.startsWith("mtp"), path);
            }
            assertEquals(
                    new TreeSet<>(List.of(
                            "linear_attn.in_proj_qkvz",
                            "linear_attn.in_proj_ba",
                            "linear_attn.out_proj",
                            "mlp.gate",
                            "mlp.shared_expert.gate_proj",
                            "mlp.shared_expert.up_proj",
                            "mlp.shared_expert.down_proj",
                            "mlp.shared_expert_gate")),
                    beside);
        }
    }
}
