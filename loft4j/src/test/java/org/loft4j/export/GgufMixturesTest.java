package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorSource;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Mixtures whose experts lie in one tensor a kind, gates before ups, and Ministral 3: the fixtures of Transformers' own classes. */
class GgufMixturesTest {
    private static final Path FIXTURES = Path.of("src", "test", "resources", "fixtures");

    @TempDir
    Path directory;

    /** A fixture with the tokenizer of a {@link TinyCheckpoint}. */
    private Path model(String fixture, Consumer<ObjectNode> change) throws IOException {
        Path model = new TinyCheckpoint(directory.resolve(fixture), "llama").write().directory;
        for (String file : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(
                    FIXTURES.resolve(fixture).resolve(file), model.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
        ObjectNode config = Json.read(model.resolve("config.json")).toTree();
        change.accept(config);
        Json.write(model.resolve("config.json"), config);
        return model;
    }

    private GgufReader export(Path model) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(model)) {
            return export(source, model);
        }
    }

    private GgufReader export(TensorSource source, Path model) throws IOException {
        Path file = directory.resolve("model.gguf");
        var options = new GgufModel.Options(model, model, GgufType.F32, null, null, null, null);
        return new GgufReader(GgufModel.write(source, options, file).file());
    }

    private static float[] read(TensorSource source, String name) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            return Tensors.toFloats(source.read(name).to(Dtype.F32.scalarType()));
        }
    }

    /** Blocks by the names of their tensors, in the fixture and in the file. */
    @ParameterizedTest
    @CsvSource({
        "qwen3_5_moe, qwen35moe, model.language_model.layers.1., mlp.gate.weight, mlp.experts.gate_up_proj,"
                + " mlp.experts.down_proj, mlp.shared_expert.down_proj.weight, ffn_down_shexp.weight, 6, 2",
        "gemma4_moe, gemma4, model.language_model.layers.1., router.proj.weight, experts.gate_up_proj,"
                + " experts.down_proj, router.per_expert_scale, ffn_down_exps.scale, 6, 2",
        "granitemoe, granitemoe, model.layers.1., block_sparse_moe.router.layer.weight,"
                + " block_sparse_moe.input_linear.weight, block_sparse_moe.output_linear.weight,"
                + " post_attention_layernorm.weight, ffn_norm.weight, 8, 3",
        "granitemoehybrid_moe, granitehybrid, model.layers.1., block_sparse_moe.router.layer.weight,"
                + " block_sparse_moe.input_linear.weight, block_sparse_moe.output_linear.weight,"
                + " shared_mlp.output_linear.weight, ffn_down_shexp.weight, 6, 2",
    })
    void expertsArePartedIntoGatesAndUps(
            String fixture,
            String architecture,
            String block,
            String router,
            String gateUp,
            String down,
            String beside,
            String besideThere,
            int experts,
            long used)
            throws IOException {
        Path model = model(fixture, config -> {});
        GgufReader read = export(model);
        assertEquals(architecture, read.metadata.get("general.architecture"));
        assertEquals((long) experts, read.metadata.get(architecture + ".expert_count"));
        assertEquals(used, read.metadata.get(architecture + ".expert_used_count"));
        try (ModelDirectory source = ModelDirectory.open(model)) {
            float[] both = read(source, block + gateUp);
            int half = both.length / experts / 2;
            float[] gates = GgufModelTest.values(read, "blk.1.ffn_gate_exps.weight");
            float[] ups = GgufModelTest.values(read, "blk.1.ffn_up_exps.weight");
            for (int e = 0; e < experts; e++) {
                int from = 2 * e * half;
                assertArrayEquals(
                        Arrays.copyOfRange(both, from, from + half),
                        Arrays.copyOfRange(gates, e * half, (e + 1) * half));
                assertArrayEquals(
                        Arrays.copyOfRange(both, from + half, from + 2 * half),
                        Arrays.copyOfRange(ups, e * half, (e + 1) * half));
            }
            for (Map.Entry<String, String> same : Map.of(
                            down, "ffn_down_exps.weight", router, "ffn_gate_inp.weight", beside, besideThere)
                    .entrySet()) {
                assertArrayEquals(
                        read(source, block + same.getKey()),
                        GgufModelTest.values(read, "blk.1." + same.getValue()),
                        same.getKey());
            }
        }
    }

    @Test
    void theExpertOfAllTokensHasItsWidthAndItsGate() throws IOException {
        GgufReader qwen = export(model("qwen3_5_moe", config -> {}));
        assertEquals(12L, qwen.metadata.get("qwen35moe.expert_feed_forward_length"));
        assertEquals(20L, qwen.metadata.get("qwen35moe.expert_shared_feed_forward_length"));
        assertArrayEquals(
                new long[] {32},
                qwen.tensors.get("blk.0.ffn_gate_inp_shexp.weight").sizes());
        GgufReader granite = export(model("granitemoehybrid_moe", config -> {}));
        assertEquals(20L, granite.metadata.get("granitehybrid.feed_forward_length"));
        assertEquals(24L, granite.metadata.get("granitehybrid.expert_shared_feed_forward_length"));
        assertArrayEquals(
                new long[] {32, 24},
                granite.tensors.get("blk.0.ffn_gate_shexp.weight").sizes());
        assertFalse(granite.tensors.containsKey("blk.0.ffn_gate.weight"));
        GgufReader gemma = export(model("gemma4_moe", config -> {}));
        assertEquals(12L, gemma.metadata.get("gemma4.expert_feed_forward_length"));
        assertEquals(List.of(20L, 20L, 20L), gemma.metadata.get("gemma4.feed_forward_length"));
    }

    /** As Transformers saves a model that it has not read from a file with stacks. */
    @Test
    void expertsOfQwenThatAreModulesAreLaidOnEachOther() throws IOException {
        Path model = model("qwen3_5_moe_text", config -> {
            config.put("hidden_act", "silu");
            config.put("attention_bias", false);
        });
        String fault =
                assertThrows(CheckpointException.class, () -> export(model)).getMessage();
        assertTrue(fault.contains("linear_value_head_dim"), fault);
        try (ModelDirectory source = ModelDirectory.open(model)) {
            TextConfig config = TextConfig.read(model);
            TensorPlace place = new TensorNames(config)
                    .places("model.layers.1.mlp.experts.3.up_proj.weight")
                    .get(0);
            assertEquals("blk.1.ffn_up_exps.weight", place.name());
            assertEquals(3, place.expert());
            assertEquals(8, Mixtures.count(config));
        }
    }

    /** Each expert is merged by itself, as its turn comes. */
    @Test
    void anAdapterOfExpertsIsMerged() throws IOException {
        Path base = model("qwen3_5_moe", config -> {});
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM));
                LoraAdapter adapter = LoraAdapter.create(
                        model,
                        LoraConfig.of(2, 4, TargetModules.allLinear())
                                .withTargetParameters(List.of("mlp.experts.gate_up_proj")),
                        1)) {
            adapter.layers().values().forEach(layer -> layer.loraB().detach().fill_(new Scalar(0.5)));
            try (MergedTensors merged = new MergedTensors(base, model, adapter, base)) {
                GgufReader read = export(merged, base);
                String up = merged.names().stream()
                        .filter(name -> name.endsWith("layers.1.mlp.experts.gate_up_proj"))
                        .findFirst()
                        .orElseThrow();
                float[] whole = read(merged, up);
                float[] gates = GgufModelTest.values(read, "blk.1.ffn_gate_exps.weight");
                int half = gates.length / 6;
                for (int e = 0; e < 6; e++) {
                    assertArrayEquals(
                            Arrays.copyOfRange(whole, 2 * e * half, (2 * e + 1) * half),
                            Arrays.copyOfRange(gates, e * half, (e + 1) * half));
                }
                Tensor before = model.weights().get(up);
                assertTrue(Math.abs(whole[0] - before.flatten().select(0, 0).item_float()) > 1e-4);
            }
        }
    }

    @Test
    void ministral3TellsHowItsQueriesGrow() throws IOException {
        GgufReader read = export(model("mistral3_ministral3", config -> {}));
        Map<String, Object> metadata = read.metadata;
        assertEquals("mistral3", metadata.get("general.architecture"));
        assertEquals(0.3f, metadata.get("mistral3.attention.temperature_scale"));
        assertEquals("yarn", metadata.get("mistral3.rope.scaling.type"));
        assertEquals(8f, metadata.get("mistral3.rope.scaling.factor"));
        assertEquals(4L, metadata.get("mistral3.rope.scaling.original_context_length"));
        assertEquals(1f, metadata.get("mistral3.rope.scaling.yarn_log_multiplier"));
        assertEquals(1e-5f, metadata.get("mistral3.attention.layer_norm_rms_epsilon"));
        assertEquals(21, read.tensors.size());
    }

    /** Blocks without a mixture come first, and what predicts further tokens is left out. */
    @ParameterizedTest
    @CsvSource({
        "deepseek_v3, deepseek2, 34, mlp.experts.5.up_proj.weight, ffn_up_exps.weight, 5",
        "deepseek_v3, deepseek2, 34, mlp.gate.e_score_correction_bias, exp_probs_b.bias, 0",
        "deepseek_v3, deepseek2, 34, self_attn.kv_a_proj_with_mqa.weight, attn_kv_a_mqa.weight, 0",
        "glm4_moe_lite, deepseek2, 34, self_attn.q_b_proj.weight, attn_q_b.weight, 0",
        "glm4_moe_lite, deepseek2, 34, mlp.shared_experts.up_proj.weight, ffn_up_shexp.weight, 0",
        "glm4_moe, glm4moe, 36, post_attention_layernorm.weight, post_attention_norm.weight, 0",
        "glm4_moe, glm4moe, 36, self_attn.q_proj.bias, attn_q.bias, 0",
    })
    void expertsThatAreScoredOneByOneHaveTheirPlaces(
            String fixture, String architecture, int count, String original, String name, int number)
            throws IOException {
        Path model = model(fixture, GgufMixturesTest::withOneScale);
        GgufReader read = export(model);
        assertEquals(architecture, read.metadata.get("general.architecture"));
        assertEquals(1L, read.metadata.get(architecture + ".leading_dense_block_count"));
        assertEquals(2L, read.metadata.get(architecture + ".expert_gating_func"));
        assertEquals(6L, read.metadata.get(architecture + ".expert_feed_forward_length"));
        assertEquals(count, read.tensors.size(), read.tensors.keySet().toString());
        assertTrue(read.tensors.containsKey("blk.0.ffn_gate.weight"));
        assertFalse(read.tensors.containsKey("blk.1.ffn_gate.weight"));
        try (ModelDirectory source = ModelDirectory.open(model)) {
            float[] expected = read(source, "model.layers.1." + original);
            float[] written = GgufModelTest.values(read, "blk.1." + name);
            int from = number * expected.length;
            assertArrayEquals(expected, Arrays.copyOfRange(written, from, from + expected.length));
        }
    }

    /** llama.cpp has one factor of yarn for the scores. */
    private static void withOneScale(ObjectNode config) {
        if (config.get("rope_scaling") instanceof ObjectNode yarn) {
            yarn.put("mscale", 1.2);
        }
    }

    @Test
    void latentKeysAndValuesArePartedByHeads() throws IOException {
        Path model = model("deepseek_v3", GgufMixturesTest::withOneScale);
        GgufReader read = export(model);
        assertEquals(1L, read.metadata.get("deepseek2.attention.head_count_kv"));
        assertEquals(12L, read.metadata.get("deepseek2.attention.key_length"));
        assertEquals(10L, read.metadata.get("deepseek2.attention.key_length_mla"));
        assertEquals(8L, read.metadata.get("deepseek2.attention.value_length_mla"));
        assertEquals(4L, read.metadata.get("deepseek2.rope.dimension_count"));
        assertEquals(0.12f, read.metadata.get("deepseek2.rope.scaling.yarn_log_multiplier"));
        assertEquals(4L, read.metadata.get("deepseek2.expert_group_count"));
        assertEquals(2.5f, read.metadata.get("deepseek2.expert_weights_scale"));
        assertArrayEquals(
                new long[] {6, 8, 2}, read.tensors.get("blk.0.attn_k_b.weight").sizes());
        assertArrayEquals(
                new long[] {8, 8, 2}, read.tensors.get("blk.0.attn_v_b.weight").sizes());
        try (ModelDirectory source = ModelDirectory.open(model)) {
            float[] both = read(source, "model.layers.1.self_attn.kv_b_proj.weight");
            float[] keys = GgufModelTest.values(read, "blk.1.attn_k_b.weight");
            float[] values = GgufModelTest.values(read, "blk.1.attn_v_b.weight");
            for (int head = 0; head < 2; head++) {
                for (int number = 0; number < 8; number++) {
                    for (int i = 0; i < 6; i++) {
                        assertEquals(both[(head * 14 + i) * 8 + number], keys[(head * 8 + number) * 6 + i]);
                    }
                    for (int i = 0; i < 8; i++) {
                        assertEquals(both[(head * 14 + 6 + i) * 8 + number], values[(head * 8 + i) * 8 + number]);
                    }
                }
            }
        }
    }

    @Test
    void qwen2sExpertOfAllTokensHasItsWidthAndItsGate() throws IOException {
        Path model = model("qwen2_moe", config -> {});
        GgufReader read = export(model);
        assertEquals("qwen2moe", read.metadata.get("general.architecture"));
        assertEquals(2L, read.metadata.get("qwen2moe.expert_used_count"));
        assertEquals(6L, read.metadata.get("qwen2moe.expert_feed_forward_length"));
        assertEquals(10L, read.metadata.get("qwen2moe.expert_shared_feed_forward_length"));
        assertArrayEquals(
                new long[] {16},
                read.tensors.get("blk.1.ffn_gate_inp_shexp.weight").sizes());
        assertEquals(37, read.tensors.size(), read.tensors.keySet().toString());
        try (ModelDirectory source = ModelDirectory.open(model)) {
            float[] expert = read(source, "model.layers.1.mlp.experts.3.up_proj.weight");
            float[] all = GgufModelTest.values(read, "blk.1.ffn_up_exps.weight");
            assertArrayEquals(expert, Arrays.copyOfRange(all, 3 * expert.length, 4 * expert.length));
            assertArrayEquals(
                    read(source, "model.layers.1.self_attn.k_proj.bias"),
                    GgufModelTest.values(read, "blk.1.attn_k.bias"));
        }
    }

    /** StableLM has a tensor for each head. */
    @Test
    void normsOfHeadsAreLaidOnEachOther() throws IOException {
        Path model = model("stablelm_parallel", config -> {});
        GgufReader read = export(model);
        assertEquals("stablelm", read.metadata.get("general.architecture"));
        assertEquals(2L, read.metadata.get("stablelm.rope.dimension_count"));
        assertEquals(1e-4f, read.metadata.get("stablelm.attention.layer_norm_epsilon"));
        assertEquals(true, read.metadata.get("stablelm.use_parallel_residual"));
        assertFalse(read.tensors.containsKey("blk.0.ffn_norm.weight"));
        assertTrue(read.tensors.containsKey("blk.0.attn_norm.bias"));
        assertArrayEquals(
                new long[] {4, 2}, read.tensors.get("blk.1.attn_k_norm.weight").sizes());
        float[] norms = GgufModelTest.values(read, "blk.1.attn_q_norm.weight");
        assertEquals(16, norms.length);
        try (ModelDirectory source = ModelDirectory.open(model)) {
            for (int head = 0; head < 4; head++) {
                assertArrayEquals(
                        read(source, "model.layers.1.self_attn.q_layernorm.norms." + head + ".weight"),
                        Arrays.copyOfRange(norms, 4 * head, 4 * head + 4));
            }
        }
    }

    /** DeepSeek V2 weights experts by their probabilities, and has no bias of the router. */
    @Test
    void deepseekV2GoesByProbabilities() throws IOException {
        Path model = model("deepseek_v2", config -> {
            withOneScale(config);
            config.put("num_hidden_layers", 27);
        });
        TextConfig config = TextConfig.read(model);
        GgufMetadata metadata = new GgufMetadata();
        GgufParameters.put(config, 40, metadata, new ArrayList<>());
        for (Map.Entry<String, Object> entry : Map.<String, Object>of(
                        "expert_gating_func", 1,
                        "expert_weights_norm", false,
                        "expert_shared_count", 2,
                        "leading_dense_block_count", 1,
                        "expert_used_count", 2)
                .entrySet()) {
            String written = metadata.asMap().get("deepseek2." + entry.getKey()).toString();
            assertTrue(written.contains("=" + entry.getValue()), written);
        }
        assertFalse(metadata.has("deepseek2.expert_group_count"));
        assertFalse(metadata.has("deepseek2.attention.q_lora_rank"));
        TensorNames names = new TensorNames(config);
        assertTrue(names.required().contains("blk.26.attn_q.weight"));
        assertFalse(names.required().contains("blk.26.exp_probs_b.bias"));
    }

    /** GPT-NeoX has the rows of each head together. */
    @Test
    void queriesKeysAndValuesOfHeadsAreParted() throws IOException {
        Path model = model("gpt_neox", config -> {});
        GgufReader read = export(model);
        assertEquals("gptneox", read.metadata.get("general.architecture"));
        assertEquals(true, read.metadata.get("gptneox.use_parallel_residual"));
        assertEquals(4L, read.metadata.get("gptneox.rope.dimension_count"));
        assertEquals(1000f, read.metadata.get("gptneox.rope.freq_base"));
        assertEquals(1e-4f, read.metadata.get("gptneox.attention.layer_norm_epsilon"));
        assertEquals(28, read.tensors.size());
        try (ModelDirectory source = ModelDirectory.open(model)) {
            for (String kind : List.of("weight", "bias")) {
                float[] heads = read(source, "gpt_neox.layers.1.attention.query_key_value." + kind);
                float[] kinds = GgufModelTest.values(read, "blk.1.attn_qkv." + kind);
                int row = heads.length / 72;
                for (int i = 0; i < 72 * row; i++) {
                    int of = i / row;
                    int head = of / 24;
                    int to = (of % 24 / 8 * 3 + head) * 8 + of % 8;
                    assertEquals(heads[i], kinds[to * row + i % row]);
                }
            }
            assertArrayEquals(read(source, "embed_out.weight"), GgufModelTest.values(read, "output.weight"));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "deepseek_v3, attention_bias, true, 'attention_bias\" must be false'",
        "deepseek_v3, rope_interleave, false, 'rope_interleave\" must be true'",
        "deepseek_v3, q_lora_rank, null, 'is null, where llama.cpp computes with one for 2 layers'",
        "deepseek_v3, num_hidden_layers, 27, 'is 10, where llama.cpp computes with none for 27 layers'",
        "deepseek_v3, hidden_act, '\"gelu\"', 'hidden_act'",
        "glm4_moe_lite, mlp_layer_types, '[\"sparse\", \"dense\"]', 'dense behind sparse'",
        "deepseek_v2, num_hidden_layers, 2, 'is null, where llama.cpp computes with one for 2 layers'",
        "deepseek_v2_groups, attention_bias, false, 'goes by the two best'",
        "qwen2_moe, norm_topk_prob, true, 'norm_topk_prob\" must be false'",
        "qwen2_moe, decoder_sparse_step, 2, 'llama.cpp has experts in every layer'",
        "gpt_neox, attention_bias, false, 'attention_bias\" must be true'",
        "gpt_neox, hidden_act, '\"relu\"', 'hidden_act'",
    })
    void whatLlamaCppHasNoPlaceForIsRefused(String fixture, String key, String value, String why) throws IOException {
        JsonNode stated =
                Json.parse(directory, "{\"v\": " + value + "}").toTree().get("v");
        Path model = model(fixture, config -> {
            withOneScale(config);
            config.set(key, stated);
        });
        String fault =
                assertThrows(CheckpointException.class, () -> export(model)).getMessage();
        assertTrue(fault.contains(why), fault);
    }

    /** Of latent attention llama.cpp adapts what comes out alone. */
    @Test
    void anAdapterOfLatentAttentionIsToBeMerged() throws IOException {
        Path base = model("deepseek_v3", config -> {});
        TensorNames names = new TensorNames(TextConfig.read(base));
        assertTrue(TensorNames.takesNoAdapter("model.layers.0.self_attn.kv_b_proj"));
        assertFalse(TensorNames.takesNoAdapter("model.layers.0.self_attn.o_proj"));
        assertTrue(names.takesNoAdapterHere("output"));
        String fault =
                assertThrows(CheckpointException.class, () -> export(base)).getMessage();
        assertTrue(fault.contains("an mscale that is mscale_all_dim"), fault);
    }

    @ParameterizedTest
    @CsvSource({
        "mistral3_ministral3, mscale, 0.5, 'rope_parameters.mscale\" must be 1 for llama.cpp, found 0.5'",
        "mistral3_ministral3, attention_factor, 2, 'rope_parameters.attention_factor\" must be 1 for llama.cpp, found 2.0'",
        "mistral3_ministral3, truncate, false, 'whole limits'",
        "granitemoehybrid_moe, layer_types, attention, '\"position_embedding_type\" must be rope for llama.cpp'",
        "granitemoe, hidden_act, gelu, hidden_act",
    })
    void whatLlamaCppWouldComputeOtherwiseIsRefused(String fixture, String key, String value, String why)
            throws IOException {
        Path model = model(fixture, config -> {
            if (key.equals("layer_types")) {
                config.putArray(key).add(value).add(value);
                return;
            }
            ObjectNode at =
                    fixture.startsWith("mistral3") ? (ObjectNode) config.at("/text_config/rope_parameters") : config;
            if (value.matches("[\\d.]+")) {
                at.put(key, Double.parseDouble(value));
            } else if (value.equals("false")) {
                at.put(key, false);
            } else {
                at.put(key, value);
            }
        });
        TextConfig config = TextConfig.read(model);
        String fault = assertThrows(
                        CheckpointException.class,
                        () -> GgufParameters.put(config, 256, new GgufMetadata(), new ArrayList<>()))
                .getMessage();
        assertTrue(fault.contains(why), fault);
    }
}
