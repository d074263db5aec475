package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** LFM2, and Granite 4 with state spaces and without. */
class GgufMemoryTest {
    private static final int HIDDEN = TinyCheckpoint.HIDDEN;
    private static final int WIDTH = TinyCheckpoint.WIDTH;

    @TempDir
    Path directory;

    private TinyCheckpoint tiny(String modelType) {
        return new TinyCheckpoint(directory.resolve(modelType), modelType);
    }

    private static float[] values(GgufReader read, String name) {
        return GgufModelTest.values(read, name);
    }

    private static Map<String, String> shapes(GgufReader read, String block) {
        Map<String, String> shapes = new TreeMap<>();
        read.tensors.forEach((name, entry) -> {
            if (name.startsWith(block) || !name.startsWith("blk.")) {
                shapes.put(name, Arrays.toString(entry.sizes()) + entry.type());
            }
        });
        return shapes;
    }

    @Test
    void lfm2HasItsPlacesAndItsSizes() throws IOException {
        TinyCheckpoint checkpoint = tiny("lfm2").write();
        GgufReader read = GgufModelTest.export(checkpoint, GgufType.F16);
        Map<String, String> expected = new TreeMap<>();
        expected.put("token_embd.weight", "[64, 12]1");
        expected.put("token_embd_norm.weight", "[64]0");
        expected.put("blk.0.attn_norm.weight", "[64]0");
        expected.put("blk.0.shortconv.in_proj.weight", "[64, 192]1");
        expected.put("blk.0.shortconv.conv.weight", "[3, 64]0");
        expected.put("blk.0.shortconv.out_proj.weight", "[64, 64]1");
        expected.put("blk.0.ffn_norm.weight", "[64]0");
        expected.put("blk.0.ffn_gate.weight", "[64, 128]1");
        expected.put("blk.0.ffn_up.weight", "[64, 128]1");
        expected.put("blk.0.ffn_down.weight", "[128, 64]1");
        assertEquals(expected, shapes(read, "blk.0."));
        assertArrayEquals(
                checkpoint.values.get("model.layers.0.conv.conv.weight"), values(read, "blk.0.shortconv.conv.weight"));
        GgufReader exact = GgufModelTest.export(checkpoint, GgufType.F32);
        assertArrayEquals(
                checkpoint.values.get("model.layers.1.feed_forward.w3.weight"), values(exact, "blk.1.ffn_up.weight"));
        assertArrayEquals(
                checkpoint.values.get("model.layers.1.self_attn.q_proj.weight"), values(exact, "blk.1.attn_q.weight"));
        Map<String, Object> metadata = read.metadata;
        assertEquals("lfm2", metadata.get("general.architecture"));
        assertEquals(List.of(0L, 2L), metadata.get("lfm2.attention.head_count_kv"));
        assertEquals(128L, metadata.get("lfm2.feed_forward_length"));
        assertEquals(3L, metadata.get("lfm2.shortconv.l_cache"));
        assertEquals(1e-5f, metadata.get("lfm2.attention.layer_norm_rms_epsilon"));
    }

    @Test
    void granite4HasItsPlacesAndItsSizes() throws IOException {
        TinyCheckpoint checkpoint = tiny("granitemoehybrid").write();
        GgufReader read = GgufModelTest.export(checkpoint, GgufType.F32);
        Map<String, String> expected = new TreeMap<>();
        expected.put("token_embd.weight", "[64, 12]0");
        expected.put("output_norm.weight", "[64]0");
        expected.put("blk.0.attn_norm.weight", "[64]0");
        expected.put("blk.0.ssm_in.weight", "[64, 296]0");
        expected.put("blk.0.ssm_conv1d.weight", "[3, 160]0");
        expected.put("blk.0.ssm_conv1d.bias", "[160]0");
        expected.put("blk.0.ssm_a", "[1, 8]0");
        expected.put("blk.0.ssm_d", "[1, 8]0");
        expected.put("blk.0.ssm_dt.bias", "[8]0");
        expected.put("blk.0.ssm_norm.weight", "[128, 1]0");
        expected.put("blk.0.ssm_out.weight", "[128, 64]0");
        expected.put("blk.0.ffn_norm.weight", "[64]0");
        expected.put("blk.0.ffn_gate.weight", "[64, 96]0");
        expected.put("blk.0.ffn_up.weight", "[64, 96]0");
        expected.put("blk.0.ffn_down.weight", "[96, 64]0");
        assertEquals(expected, shapes(read, "blk.0."));
        float[] rates = values(read, "blk.0.ssm_a");
        float[] logarithms = checkpoint.values.get("model.layers.0.mamba.A_log");
        for (int i = 0; i < rates.length; i++) {
            assertEquals(-Math.exp(logarithms[i]), rates[i], 1e-6);
        }
        Map<String, Object> metadata = read.metadata;
        assertEquals("granitehybrid", metadata.get("general.architecture"));
        assertEquals(List.of(0L, 2L), metadata.get("granitehybrid.attention.head_count_kv"));
        assertEquals(96L, metadata.get("granitehybrid.feed_forward_length"));
        assertEquals(3L, metadata.get("granitehybrid.ssm.conv_kernel"));
        assertEquals(16L, metadata.get("granitehybrid.ssm.state_size"));
        assertEquals(1L, metadata.get("granitehybrid.ssm.group_count"));
        assertEquals(8L, metadata.get("granitehybrid.ssm.time_step_rank"));
        assertEquals(128L, metadata.get("granitehybrid.ssm.inner_size"));
        assertEquals(3f, metadata.get("granitehybrid.embedding_scale"));
        assertEquals(false, metadata.get("granitehybrid.rope.scaling.finetuned"));
    }

    /** It is Granite 3 to llama.cpp, with gate and up in matrices of their own. */
    @Test
    void granite4WithAttentionAloneIsGranite() throws IOException {
        TinyCheckpoint checkpoint = tiny("granitemoehybrid");
        TinyFamilies.withAttentionAlone(checkpoint);
        GgufReader read = GgufModelTest.export(checkpoint.write(), GgufType.F32);
        assertEquals("granite", read.metadata.get("general.architecture"));
        assertEquals(2L, read.metadata.get("granite.attention.head_count_kv"));
        assertEquals(true, read.metadata.get("granite.rope.scaling.finetuned"));
        float[] both = checkpoint.values.get("model.layers.1.shared_mlp.input_linear.weight");
        assertArrayEquals(Arrays.copyOf(both, WIDTH * HIDDEN), values(read, "blk.1.ffn_gate.weight"));
        assertArrayEquals(Arrays.copyOfRange(both, WIDTH * HIDDEN, both.length), values(read, "blk.1.ffn_up.weight"));
    }

    /** A is that of both. */
    @Test
    void anAdapterOfGateAndUpIsParted() throws IOException {
        TinyCheckpoint checkpoint = tiny("granitemoehybrid").write();
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        String module = "model.layers.0.shared_mlp.input_linear";
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("peft_type", "LORA");
        config.put("task_type", "CAUSAL_LM");
        config.put("r", 2);
        config.put("lora_alpha", 2);
        config.put("target_modules", new String[] {"input_linear"});
        Json.write(adapter.resolve("adapter_config.json"), config);
        float[] a = new float[2 * HIDDEN];
        float[] b = new float[2 * WIDTH * 2];
        for (int i = 0; i < b.length; i++) {
            a[i % a.length] = i % 7;
            b[i] = i;
        }
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            tensors.put("base_model.model." + module + ".lora_A.weight", Tensors.of(a, 2, HIDDEN));
            tensors.put("base_model.model." + module + ".lora_B.weight", Tensors.of(b, 2L * WIDTH, 2));
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        Path file = directory.resolve("adapter.gguf");
        GgufAdapter.write(adapter, checkpoint.directory, GgufType.F32, file);
        GgufReader read = new GgufReader(file);
        assertEquals(4, read.tensors.size());
        assertArrayEquals(a, values(read, "blk.0.ffn_gate.weight.lora_a"));
        assertArrayEquals(a, values(read, "blk.0.ffn_up.weight.lora_a"));
        assertArrayEquals(Arrays.copyOf(b, 2 * WIDTH), values(read, "blk.0.ffn_gate.weight.lora_b"));
        assertArrayEquals(Arrays.copyOfRange(b, 2 * WIDTH, b.length), values(read, "blk.0.ffn_up.weight.lora_b"));
    }

    @ParameterizedTest
    @CsvSource({
        "lfm2, conv_bias, true, '\"conv_bias\" must be false for llama.cpp'",
        "lfm2, conv_L_cache, 1, '\"conv_L_cache\" must be at least 2 for llama.cpp'",
        "granitemoehybrid, mamba_n_groups, 2, '\"mamba_n_groups\" must be 1 for llama.cpp'",
        "granitemoehybrid, mamba_conv_bias, false, '\"mamba_conv_bias\" must be true for llama.cpp'",
        "granitemoehybrid, mamba_proj_bias, true, '\"mamba_proj_bias\" must be false for llama.cpp'",
        "granitemoehybrid, hidden_act, gelu, hidden_act"
    })
    void whatLlamaCppWouldComputeOtherwiseIsRefused(String modelType, String key, String value, String why)
            throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        checkpoint.config.put(
                key,
                value.matches("true|false")
                        ? (Object) Boolean.valueOf(value)
                        : value.matches("\\d+") ? (Object) Integer.valueOf(value) : value);
        GgufModelTest.assertRefused(checkpoint, why);
    }

    @Test
    void aNormOfAnotherFamilyHasNoPlace() throws IOException {
        TinyCheckpoint checkpoint = tiny("lfm2");
        checkpoint.norm("model.norm");
        checkpoint.write();
        String fault = assertThrows(CheckpointException.class, () -> GgufModelTest.export(checkpoint, null))
                .getMessage();
        assertTrue(fault.contains("model.norm.weight has no place in llama.cpp's lfm2"), fault);
    }

    @Test
    void theStepsAndSizesOfStateSpacesAreThoseOfTheModel() throws IOException {
        TinyCheckpoint checkpoint = tiny("granitemoehybrid");
        Map<String, String> infinity = Map.of("__float__", "Infinity");
        checkpoint.config.put("time_step_limit", List.of(0.0, infinity));
        checkpoint.config.put("mamba_d_head", 16);
        GgufModelTest.export(checkpoint.write(), GgufType.F32);
        checkpoint.config.put("time_step_limit", List.of(0.1, infinity));
        assertUnknown(checkpoint, "time_step_limit must be 0 and infinity");
        checkpoint.config.remove("time_step_limit");
        checkpoint.config.put("mamba_d_head", 8);
        assertUnknown(checkpoint, "mamba_n_heads times mamba_d_head must be mamba_expand times hidden_size");
    }

    private static void assertUnknown(TinyCheckpoint checkpoint, String why) throws IOException {
        checkpoint.write();
        String fault = assertThrows(ConfigException.class, () -> GgufModelTest.export(checkpoint, null))
                .getMessage();
        assertTrue(fault.contains(why), fault);
    }

    @Test
    void theOtherNameOfTheLayersKindsIsRead() throws IOException {
        TinyCheckpoint checkpoint = tiny("granitemoehybrid");
        checkpoint.config.put("layers_block_type", checkpoint.config.remove("layer_types"));
        GgufReader read = GgufModelTest.export(checkpoint.write(), GgufType.F32);
        assertEquals(List.of(0L, 2L), read.metadata.get("granitehybrid.attention.head_count_kv"));
        checkpoint.config.put("layer_types", List.of("attention", "mamba"));
        GgufModelTest.assertRefused(checkpoint, "\"layers_block_type\" must be layer_types where both are given");
    }
}
