package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class GgufAdapterTest {
    private static final String QUERY = "model.layers.0.self_attn.q_proj";
    private static final String DOWN = "model.layers.1.mlp.down_proj";

    @TempDir
    Path directory;

    private final Map<String, float[]> values = new LinkedHashMap<>();

    /** An adapter of rank 4 on the queries (64 → 128) and of rank 2 on a down projection (96 → 64). */
    private Path adapter(Map<String, Object> settings) throws IOException {
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("peft_type", "LORA");
        config.put("task_type", "CAUSAL_LM");
        config.put("r", 4);
        config.put("lora_alpha", 8);
        config.put("target_modules", new String[] {"q_proj", "down_proj"});
        config.put("rank_pattern", Map.of("down_proj", 2));
        config.putAll(settings);
        Json.write(adapter.resolve("adapter_config.json"), config);
        Random random = new Random(3);
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            put(tensors, random, QUERY + ".lora_A", 4, 64);
            put(tensors, random, QUERY + ".lora_B", 128, 4);
            put(tensors, random, DOWN + ".lora_A", 2, 96);
            put(tensors, random, DOWN + ".lora_B", 64, 2);
            // PEFT stores it along where it is that of an embedding
            put(tensors, random, DOWN + ".base_layer", 64, 96);
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        return adapter;
    }

    private void put(Map<String, Tensor> tensors, Random random, String name, int rows, int columns) {
        float[] numbers = new float[rows * columns];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        values.put(name, numbers);
        tensors.put("base_model.model." + name + ".weight", Tensors.of(numbers, rows, columns));
    }

    private GgufReader export(Map<String, Object> settings, String modelType, GgufType type) throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve(modelType), modelType).write();
        Path file = directory.resolve("adapter.gguf");
        GgufAdapter.write(adapter(settings), base.directory, type, file);
        return new GgufReader(file);
    }

    @Test
    void factorsAreNamedAfterTheirMatrixAndLlamasRowsPaired() throws IOException {
        GgufReader read = export(Map.of(), "llama", GgufType.F32);
        assertEquals("adapter", read.metadata.get("general.type"));
        assertEquals("lora", read.metadata.get("adapter.type"));
        assertEquals("llama", read.metadata.get("general.architecture"));
        assertEquals(6, read.types.get("adapter.lora.alpha"));
        assertEquals(4, read.tensors.size());
        GgufReader.Entry a = read.tensors.get("blk.0.attn_q.weight.lora_a");
        GgufReader.Entry b = read.tensors.get("blk.0.attn_q.weight.lora_b");
        assertArrayEquals(new long[] {64, 4}, a.sizes());
        assertArrayEquals(new long[] {4, 128}, b.sizes());
        assertArrayEquals(values.get(QUERY + ".lora_A"), a.values());
        float[] from = values.get(QUERY + ".lora_B");
        // head 2 of width 32: row 64 + 2·3 + 1 was row 64 + 16 + 3
        assertEquals(from[(64 + 16 + 3) * 4 + 1], b.values()[(64 + 7) * 4 + 1]);
    }

    /** llama.cpp multiplies by alpha over the length of B's rows; with that the product must be PEFT's. */
    @Test
    void theProductHasPeftsScaleWhateverItIsMadeOf() throws IOException {
        assertScales(Map.of(), 8.0 / 4, 8.0 / 2);
        assertScales(Map.of("use_rslora", true), 8 / Math.sqrt(4), 8 / Math.sqrt(2));
        assertScales(Map.of("alpha_pattern", Map.of("q_proj", 3)), 3.0 / 4, 8.0 / 2);
        assertScales(Map.of("alpha_pattern", Map.of("q_proj", 7.99)), 7.99 / 4, 8.0 / 2);
    }

    /** What is multiplied into a factor is not rounded to the type of the adapter's file. */
    @Test
    void theScaleIsNotRoundedToTheTypeOfTheFactors() throws IOException {
        Path adapter = adapter(Map.of("use_rslora", true));
        Path weights = adapter.resolve("adapter_model.safetensors");
        float[] factor;
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            try (SafetensorsFile read = SafetensorsFile.open(weights)) {
                for (String name : read.names()) {
                    tensors.put(name, read.read(name).to(Dtype.BF16.scalarType()));
                }
            }
            factor = Tensors.toFloats(tensors.get("base_model.model." + DOWN + ".lora_B.weight"));
            SafetensorsWriter.write(weights, tensors, Map.of());
        }
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("qwen2"), "qwen2").write();
        Path file = directory.resolve("adapter.gguf");
        GgufAdapter.write(adapter, base.directory, GgufType.F32, file);
        values.put(DOWN + ".lora_B", factor);
        GgufReader read = new GgufReader(file);
        float alpha = (Float) read.metadata.get("adapter.lora.alpha");
        assertScale(read, "blk.1.ffn_down.weight", DOWN, alpha, 8 / Math.sqrt(2));
    }

    private void assertScales(Map<String, Object> settings, double query, double down) throws IOException {
        GgufReader read = export(settings, "qwen2", GgufType.F32);
        float alpha = (Float) read.metadata.get("adapter.lora.alpha");
        assertScale(read, "blk.0.attn_q.weight", QUERY, alpha, query);
        assertScale(read, "blk.1.ffn_down.weight", DOWN, alpha, down);
    }

    private void assertScale(GgufReader read, String name, String path, float alpha, double scale) {
        GgufReader.Entry b = read.tensors.get(name + ".lora_b");
        float[] peft = values.get(path + ".lora_B");
        for (int i = 0; i < peft.length; i += 7) {
            assertEquals(scale * peft[i], alpha / b.sizes()[0] * b.values()[i], Math.abs(scale * peft[i]) * 1e-6);
        }
    }

    @Test
    void rowsShorterThanABlockAreHalfPrecision() throws IOException {
        GgufReader read = export(Map.of(), "llama", GgufType.Q8_0);
        assertEquals(8, read.tensors.get("blk.0.attn_q.weight.lora_a").type());
        assertEquals(1, read.tensors.get("blk.0.attn_q.weight.lora_b").type());
    }

    @Test
    void whatAnAdapterFileCannotHoldIsRefusedWithTheRemedy() throws IOException {
        for (Map<String, Object> settings : java.util.List.of(
                Map.<String, Object>of("use_dora", true),
                Map.<String, Object>of("modules_to_save", new String[] {"lm_head"}))) {
            ConfigException refused =
                    assertThrows(ConfigException.class, () -> export(settings, "llama", GgufType.F32));
            assertTrue(refused.getMessage().contains("merged"), refused.getMessage());
        }
        assertFalse(Files.exists(directory.resolve("adapter.gguf")));
    }

    @Test
    void theBaseMayBeQuantised() throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("base"), "llama");
        base.config.put("quantization_config", Map.of("quant_method", "bitsandbytes"));
        base.write();
        Files.delete(base.directory.resolve("model.safetensors"));
        Path file = directory.resolve("adapter.gguf");
        GgufAdapter.write(adapter(Map.of()), base.directory, GgufType.F32, file);
        assertEquals(4, new GgufReader(file).tensors.size());
    }

    /** By the settings alone, where the base's own tensors say nothing. */
    @ParameterizedTest
    @ValueSource(strings = {"A", "B"})
    void aFactorOfAnotherRankThanTheSettingsIsRefused(String side) throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("base"), "llama");
        base.config.put("quantization_config", Map.of("quant_method", "bitsandbytes"));
        base.write();
        Path adapter = adapter(Map.of());
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            Random random = new Random(3);
            put(tensors, random, QUERY + ".lora_A", side.equals("A") ? 2 : 4, 64);
            put(tensors, random, QUERY + ".lora_B", 128, side.equals("B") ? 2 : 4);
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        Path file = directory.resolve("adapter.gguf");
        CheckpointException refused = assertThrows(
                CheckpointException.class, () -> GgufAdapter.write(adapter, base.directory, GgufType.F32, file));
        assertTrue(refused.getMessage().contains("must have rank 4"), refused.getMessage());
        assertFalse(Files.exists(file));
    }

    @Test
    void anAdapterOfAnotherBaseIsRefused() throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("base"), "llama");
        base.config.put("intermediate_size", 128);
        base.shapes.replaceAll((name, shape) -> name.endsWith("down_proj.weight") ? new long[] {64, 128} : shape);
        Path file = directory.resolve("adapter.gguf");
        Path other = base.write().directory;
        CheckpointException refused = assertThrows(
                CheckpointException.class, () -> GgufAdapter.write(adapter(Map.of()), other, GgufType.F32, file));
        assertTrue(
                refused.getMessage().contains("down_proj make (64, 96), the base has (64, 128)"), refused.getMessage());
        assertFalse(Files.exists(file));
    }
}
