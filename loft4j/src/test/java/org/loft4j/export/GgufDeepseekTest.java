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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.io.TensorSource;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Latent attention and mixtures behind blocks without any, GPT-NeoX, Qwen2-MoE and StableLM: the fixtures of Transformers' own classes. */
class GgufDeepseekTest {
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
        return export(model, GgufType.F32);
    }

    private GgufReader export(Path model, GgufType type) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(model)) {
            var options = new GgufModel.Options(model, model, type, null, null, null, null);
            return new GgufReader(GgufModel.write(source, options, directory.resolve("model.gguf"))
                    .file());
        }
    }

    private static float[] read(TensorSource source, String name) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            return Tensors.toFloats(source.read(name).to(Dtype.F32.scalarType()));
        }
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
        Path model = model(fixture, GgufDeepseekTest::withOneScale);
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
        Path model = model("deepseek_v3", GgufDeepseekTest::withOneScale);
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
        GgufReader half = export(model, GgufType.F16);
        assertEquals(1, half.tensors.get("blk.1.attn_q.weight").type());
        assertEquals(0, half.tensors.get("blk.1.attn_q_norm.weight").type(), "norms stay in float32");
        try (ModelDirectory source = ModelDirectory.open(model)) {
            for (int head = 0; head < 4; head++) {
                assertArrayEquals(
                        read(source, "model.layers.1.self_attn.q_layernorm.norms." + head + ".weight"),
                        Arrays.copyOfRange(norms, 4 * head, 4 * head + 4));
            }
        }
    }

    /** DeepSeek V2 weights experts by their probabilities, and has no bias of the router; small models have no vector for queries. */
    @ParameterizedTest
    @CsvSource({"27, 40", "48, 128256"})
    void deepseekV2GoesByProbabilities(int layers, int vocabulary) throws IOException {
        Path model = model("deepseek_v2", config -> {
            withOneScale(config);
            config.put("num_hidden_layers", layers);
        });
        TextConfig config = TextConfig.read(model);
        GgufMetadata metadata = new GgufMetadata();
        GgufParameters.put(config, vocabulary, metadata, new ArrayList<>());
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
        assertFalse(metadata.asMap().containsKey("deepseek2.expert_group_count"));
        assertFalse(metadata.asMap().containsKey("deepseek2.attention.q_lora_rank"));
        TensorNames names = new TensorNames(config);
        assertTrue(names.required().contains("blk." + (layers - 1) + ".attn_q.weight"));
        assertFalse(names.required().contains("blk." + (layers - 1) + ".exp_probs_b.bias"));
    }

    /** llama.cpp does not take it from the input embedding. */
    @Test
    void aTiedOutputEmbeddingOfGptNeoxIsWrittenToo() throws IOException {
        Path model = model("gpt_neox", config -> config.put("tie_word_embeddings", true));
        try (ModelDirectory source = ModelDirectory.open(model);
                NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : source.names()) {
                if (!name.equals("embed_out.weight")) {
                    tensors.put(name, source.read(name));
                }
            }
            SafetensorsWriter.write(model.resolve("tied.safetensors"), tensors, Map.of());
        }
        Files.move(
                model.resolve("tied.safetensors"),
                model.resolve("model.safetensors"),
                StandardCopyOption.REPLACE_EXISTING);
        GgufReader read = export(model);
        assertEquals(28, read.tensors.size());
        assertArrayEquals(GgufModelTest.values(read, "token_embd.weight"), GgufModelTest.values(read, "output.weight"));
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
        "deepseek_v2, num_hidden_layers, 48, 'is null, where llama.cpp computes with one for 48 layers and a vocabulary'",
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

    /** llama.cpp has one factor of yarn for the scores. */
    @Test
    void yarnWithTwoScalesIsRefused() throws IOException {
        Path base = model("deepseek_v3", config -> {});
        String fault =
                assertThrows(CheckpointException.class, () -> export(base)).getMessage();
        assertTrue(fault.contains("an mscale that is mscale_all_dim"), fault);
    }
}
