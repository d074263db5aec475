package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Qwen 3.5. */
class GgufLinearAttentionTest {
    private static final String LINEAR = "model.layers.0.linear_attn.";
    private static final int KEYS = TinyFamilies.KEY_HEADS * TinyFamilies.LINEAR_DIM;
    private static final int VALUES = TinyFamilies.VALUE_HEADS * TinyFamilies.LINEAR_DIM;
    private static final int HIDDEN = TinyCheckpoint.HIDDEN;

    @TempDir
    Path directory;

    private TinyCheckpoint tiny() {
        return new TinyCheckpoint(directory.resolve("qwen35"), "qwen3_5_text");
    }

    private static float[] values(GgufReader read, String name) {
        return GgufModelTest.values(read, name);
    }

    /** Head j·2 + i of six was head i·3 + j: those of the first head of keys, then those of the second. */
    private static int source(int row, int size) {
        int head = row / size;
        return (head % 2 * 3 + head / 2) * size + row % size;
    }

    @Test
    void everyTensorHasItsPlaceAndShape() throws IOException {
        GgufReader read = GgufModelTest.export(tiny().write(), null);
        Map<String, String> shapes = new LinkedHashMap<>();
        read.tensors.forEach((name, entry) -> {
            if (name.startsWith("blk.0.") || !name.startsWith("blk.")) {
                shapes.put(name, java.util.Arrays.toString(entry.sizes()) + entry.type());
            }
        });
        Map<String, String> expected = new LinkedHashMap<>();
        expected.put("token_embd.weight", "[64, 12]0");
        expected.put("output_norm.weight", "[64]0");
        expected.put("output.weight", "[64, 12]0");
        expected.put("blk.0.attn_norm.weight", "[64]0");
        expected.put("blk.0.post_attention_norm.weight", "[64]0");
        expected.put("blk.0.attn_qkv.weight", "[64, 80]0");
        expected.put("blk.0.attn_gate.weight", "[64, 48]0");
        expected.put("blk.0.ssm_alpha.weight", "[64, 6]0");
        expected.put("blk.0.ssm_beta.weight", "[64, 6]0");
        expected.put("blk.0.ssm_conv1d.weight", "[3, 80]0");
        expected.put("blk.0.ssm_a", "[6]0");
        expected.put("blk.0.ssm_dt.bias", "[6]0");
        expected.put("blk.0.ssm_norm.weight", "[8]0");
        expected.put("blk.0.ssm_out.weight", "[48, 64]0");
        expected.put("blk.0.ffn_gate.weight", "[64, 96]0");
        expected.put("blk.0.ffn_up.weight", "[64, 96]0");
        expected.put("blk.0.ffn_down.weight", "[96, 64]0");
        assertEquals(expected, shapes);
        assertEquals(
                Set.of(
                        "attn_norm",
                        "post_attention_norm",
                        "attn_q",
                        "attn_k",
                        "attn_v",
                        "attn_output",
                        "attn_q_norm",
                        "attn_k_norm",
                        "ffn_gate",
                        "ffn_up",
                        "ffn_down"),
                read.tensors.keySet().stream()
                        .filter(name -> name.startsWith("blk.1."))
                        .map(name -> name.split("\\.")[2])
                        .collect(java.util.stream.Collectors.toSet()));
    }

    @Test
    void headsOfValuesAreInTurnAndWhatIsKeptAsALogarithmIsWhole() throws IOException {
        TinyCheckpoint checkpoint = tiny().write();
        GgufReader read = GgufModelTest.export(checkpoint, null);
        Map<String, float[]> from = checkpoint.values;
        int size = TinyFamilies.LINEAR_DIM;
        for (int row = 0; row < VALUES; row++) {
            int source = source(row, size);
            assertEquals(
                    from.get(LINEAR + "in_proj_z.weight")[source * HIDDEN + 5],
                    values(read, "blk.0.attn_gate.weight")[row * HIDDEN + 5]);
            assertEquals(
                    from.get(LINEAR + "in_proj_qkv.weight")[(2 * KEYS + source) * HIDDEN + 7],
                    values(read, "blk.0.attn_qkv.weight")[(2 * KEYS + row) * HIDDEN + 7]);
            assertEquals(
                    from.get(LINEAR + "conv1d.weight")[(2 * KEYS + source) * 3 + 1],
                    values(read, "blk.0.ssm_conv1d.weight")[(2 * KEYS + row) * 3 + 1]);
            assertEquals(
                    from.get(LINEAR + "out_proj.weight")[9 * VALUES + source],
                    values(read, "blk.0.ssm_out.weight")[9 * VALUES + row]);
        }
        for (int row = 0; row < 2 * KEYS; row++) {
            assertEquals(
                    from.get(LINEAR + "in_proj_qkv.weight")[row * HIDDEN + 7],
                    values(read, "blk.0.attn_qkv.weight")[row * HIDDEN + 7]);
            assertEquals(
                    from.get(LINEAR + "conv1d.weight")[row * 3 + 2],
                    values(read, "blk.0.ssm_conv1d.weight")[row * 3 + 2]);
        }
        for (int head = 0; head < TinyFamilies.VALUE_HEADS; head++) {
            int source = source(head, 1);
            assertEquals(
                    from.get(LINEAR + "in_proj_a.weight")[source * HIDDEN + 1],
                    values(read, "blk.0.ssm_alpha.weight")[head * HIDDEN + 1]);
            assertEquals(
                    from.get(LINEAR + "in_proj_b.weight")[source * HIDDEN + 1],
                    values(read, "blk.0.ssm_beta.weight")[head * HIDDEN + 1]);
            assertEquals(from.get(LINEAR + "dt_bias")[source], values(read, "blk.0.ssm_dt.bias")[head]);
            double rate = -Math.exp(from.get(LINEAR + "A_log")[source]);
            assertEquals(rate, values(read, "blk.0.ssm_a")[head], 1e-6 * -rate);
        }
        assertArrayEquals(from.get(LINEAR + "norm.weight"), values(read, "blk.0.ssm_norm.weight"));
        for (String[] norm : new String[][] {
            {"layers.0.input_layernorm", "blk.0.attn_norm"},
            {"layers.1.post_attention_layernorm", "blk.1.post_attention_norm"},
            {"layers.1.self_attn.q_norm", "blk.1.attn_q_norm"},
            {"layers.1.self_attn.k_norm", "blk.1.attn_k_norm"},
            {"norm", "output_norm"}
        }) {
            assertEquals(from.get("model." + norm[0] + ".weight")[3] + 1, values(read, norm[1] + ".weight")[3], 1e-6);
        }
        for (String part : List.of("q", "k", "v")) {
            assertArrayEquals(
                    from.get("model.layers.1.self_attn." + part + "_proj.weight"),
                    values(read, "blk.1.attn_" + part + ".weight"));
        }
    }

    @Test
    void convolutionsStayFloat32() throws IOException {
        GgufReader read = GgufModelTest.export(tiny().write(), GgufType.Q8_0);
        for (String name : List.of("ssm_conv1d.weight", "ssm_a", "ssm_dt.bias", "ssm_norm.weight")) {
            assertEquals(0, read.tensors.get("blk.0." + name).type(), name);
        }
        assertEquals(8, read.tensors.get("blk.0.ssm_alpha.weight").type());
    }

    @Test
    void theSizesAreNamed() throws IOException {
        TinyCheckpoint checkpoint = tiny();
        Map<String, Object> metadata = GgufModelTest.export(checkpoint.write(), null).metadata;
        assertEquals("qwen35", metadata.get("general.architecture"));
        assertEquals(3L, metadata.get("qwen35.ssm.conv_kernel"));
        assertEquals(8L, metadata.get("qwen35.ssm.state_size"));
        assertEquals(2L, metadata.get("qwen35.ssm.group_count"));
        assertEquals(6L, metadata.get("qwen35.ssm.time_step_rank"));
        assertEquals(48L, metadata.get("qwen35.ssm.inner_size"));
        assertEquals(2L, metadata.get("qwen35.full_attention_interval"));
        assertEquals(null, metadata.get("qwen35.attention.recurrent_layers"));
        assertEquals(16L, metadata.get("qwen35.rope.dimension_count"));
        assertEquals(List.of(11L, 11L, 10L, 0L), metadata.get("qwen35.rope.dimension_sections"));
        assertEquals(50000f, metadata.get("qwen35.rope.freq_base"));
        checkpoint.config.remove("rope_theta");
        checkpoint.config.remove("partial_rotary_factor");
        checkpoint.config.put("rope_parameters", Map.of("rope_theta", 1e7, "mrope_section", List.of(2, 1, 1)));
        metadata = GgufModelTest.export(checkpoint.write(), null).metadata;
        assertEquals(List.of(2L, 1L, 1L, 0L), metadata.get("qwen35.rope.dimension_sections"));
        assertEquals(1e7f, metadata.get("qwen35.rope.freq_base"));
        assertEquals(8L, metadata.get("qwen35.rope.dimension_count"));
    }

    @Test
    void layersInAnotherOrderAreNamedOneByOneWithANote() throws IOException {
        TinyCheckpoint checkpoint = tiny();
        checkpoint.config.put("layer_types", List.of("linear_attention", "full_attention"));
        assertEquals(2L, GgufModelTest.export(checkpoint.write(), null).metadata.get("qwen35.full_attention_interval"));
        checkpoint.config.put("full_attention_interval", 4);
        ExportReport report = GgufModelTest.report(checkpoint.write(), null);
        GgufReader read = new GgufReader(report.file());
        assertEquals(List.of(true, false), read.metadata.get("qwen35.attention.recurrent_layers"));
        assertEquals(null, read.metadata.get("qwen35.full_attention_interval"));
        assertTrue(
                report.notes().get(0).contains("attention.recurrent_layers"),
                report.notes().toString());
    }

    @Test
    void aListOfLayersOfAnotherLengthIsRefused() throws IOException {
        TinyCheckpoint checkpoint = tiny();
        checkpoint.config.put("layer_types", List.of("linear_attention"));
        GgufModelTest.assertRefused(checkpoint, "must have one entry for each of 2 layers, found 1");
    }

    /** The rest of a checkpoint with a tower, and what predicts further tokens. */
    @Test
    void theLanguageModelOfACheckpointWithATowerIsExported() throws IOException {
        GgufReader expected = GgufModelTest.export(tiny().write(), null);
        TinyCheckpoint inner = tiny();
        TinyCheckpoint outer = new TinyCheckpoint(directory.resolve("whole"), "qwen3_5_text");
        outer.config.clear();
        outer.config.put("model_type", "qwen3_5");
        inner.config.remove("tie_word_embeddings");
        outer.config.put("tie_word_embeddings", true);
        outer.config.put("text_config", inner.config);
        outer.shapes.clear();
        inner.shapes.remove("lm_head.weight");
        inner.shapes.forEach(
                (name, shape) -> outer.shapes.put(name.replaceFirst("^model\\.", "model.language_model."), shape));
        outer.shapes.put("model.visual.blocks.0.attn.qkv.weight", new long[] {4, 4});
        outer.shapes.put("mtp.fc.weight", new long[] {4, 4});
        ExportReport report = GgufModelTest.report(outer.write(), null);
        GgufReader read = new GgufReader(report.file());
        expected.tensors.remove("output.weight");
        assertEquals(expected.tensors.keySet(), read.tensors.keySet());
        assertTrue(report.notes().get(0).contains("2 tensors"), report.notes().toString());
    }

    @ParameterizedTest
    @CsvSource({
        "attn_output_gate, false, attn_output_gate",
        "attention_bias, true, attention_bias",
        "linear_value_head_dim, 16, 'where llama.cpp computes with that of linear_key_head_dim, 8'",
        "hidden_act, gelu, hidden_act",
        "rope_parameters, '1 2 1', 'is [1,2,1]: llama.cpp'",
        "rope_parameters, '4 4', 'is [4,4]: llama.cpp'",
    })
    void whatLlamaCppWouldComputeOtherwiseIsRefused(String key, String value, String why) throws IOException {
        TinyCheckpoint checkpoint = tiny();
        checkpoint.config.put(
                key,
                value.matches("true|false")
                        ? (Object) Boolean.valueOf(value)
                        : value.matches("\\d+")
                                ? (Object) Integer.valueOf(value)
                                : value.contains(" ")
                                        ? Map.of(
                                                "mrope_section",
                                                java.util.Arrays.stream(value.split(" "))
                                                        .map(Integer::valueOf)
                                                        .toList())
                                        : value);
        GgufModelTest.assertRefused(checkpoint, why);
    }

    @Test
    void factorsOfLinearAttentionAreReorderedOnTheSideOfTheHeads() throws IOException {
        TinyCheckpoint base = tiny().write();
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        Json.write(
                adapter.resolve("adapter_config.json"),
                Map.of("peft_type", "LORA", "r", 2, "lora_alpha", 4, "target_modules", new String[] {"out_proj"}));
        Random random = new Random(3);
        Map<String, float[]> from = new LinkedHashMap<>();
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            int[][] sizes = {{HIDDEN, 2 * KEYS + VALUES}, {HIDDEN, TinyFamilies.VALUE_HEADS}, {VALUES, HIDDEN}};
            String[] paths = {"in_proj_qkv", "in_proj_a", "out_proj"};
            for (int i = 0; i < paths.length; i++) {
                for (boolean a : new boolean[] {true, false}) {
                    long[] shape = a ? new long[] {2, sizes[i][0]} : new long[] {sizes[i][1], 2};
                    float[] numbers = new float[(int) (shape[0] * shape[1])];
                    for (int n = 0; n < numbers.length; n++) {
                        numbers[n] = (float) random.nextGaussian();
                    }
                    String name = LINEAR + paths[i] + ".lora_" + (a ? "A" : "B");
                    from.put(paths[i] + (a ? "A" : "B"), numbers);
                    tensors.put("base_model.model." + name + ".weight", Tensors.of(numbers, shape));
                }
            }
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        Path file = directory.resolve("adapter.gguf");
        GgufAdapter.write(adapter, base.directory, GgufType.F32, file);
        GgufReader read = new GgufReader(file);
        assertEquals(6, read.tensors.size());
        assertArrayEquals(from.get("in_proj_qkvA"), values(read, "blk.0.attn_qkv.weight.lora_a"));
        assertArrayEquals(from.get("out_projB"), values(read, "blk.0.ssm_out.weight.lora_b"));
        for (int row = 0; row < VALUES; row++) {
            int source = source(row, TinyFamilies.LINEAR_DIM);
            assertEquals(
                    from.get("in_proj_qkvB")[(2 * KEYS + source) * 2 + 1],
                    values(read, "blk.0.attn_qkv.weight.lora_b")[(2 * KEYS + row) * 2 + 1]);
            assertEquals(
                    from.get("out_projA")[VALUES + source], values(read, "blk.0.ssm_out.weight.lora_a")[VALUES + row]);
        }
        for (int head = 0; head < TinyFamilies.VALUE_HEADS; head++) {
            assertEquals(
                    from.get("in_proj_aB")[source(head, 1) * 2],
                    values(read, "blk.0.ssm_alpha.weight.lora_b")[head * 2]);
        }
    }
}
