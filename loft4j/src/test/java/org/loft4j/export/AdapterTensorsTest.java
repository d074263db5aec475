package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.export.Diagnosis.Verdict;
import org.loft4j.export.Finding.Consumer;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Names and shapes of an adapter's tensors, by themselves and against its base. */
class AdapterTensorsTest {
    @TempDir
    Path directory;

    private Diagnosis examine(Map<String, Object> settings, @Nullable Path base, Map<String, long[]> shapes)
            throws IOException {
        Map<String, Object> config = new TreeMap<>(Map.of(
                "peft_type",
                "LORA",
                "task_type",
                "CAUSAL_LM",
                "base_model_name_or_path",
                "some/base",
                "r",
                2,
                "lora_alpha",
                4,
                "target_modules",
                new String[] {"q_proj"}));
        config.putAll(settings);
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        Json.write(adapter.resolve("adapter_config.json"), config);
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            shapes.forEach((name, shape) ->
                    tensors.put("base_model.model." + name, Tensors.zeros(Dtype.F32, DeviceSpec.CPU, shape)));
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        return AdapterDoctor.examine(adapter, base);
    }

    private static boolean says(Diagnosis diagnosis, Consumer consumer, String word) {
        return diagnosis.of(consumer).stream()
                .anyMatch(finding -> finding.what().contains(word));
    }

    private static Map<String, long[]> pair(String path, long[] a, long[] b) {
        Map<String, long[]> pair = new LinkedHashMap<>();
        pair.put(path + ".lora_A.weight", a);
        pair.put(path + ".lora_B.weight", b);
        return pair;
    }

    /** As DeepSpeed leaves them where nobody gathers what its processes have. */
    @Test
    void factorsWithoutElementsOrOfAnotherRankDoNotLoad() throws IOException {
        Path base = new TinyCheckpoint(directory.resolve("base"), "llama").write().directory;
        String query = "model.layers.0.self_attn.q_proj";
        for (Path at : Arrays.asList(base, null)) {
            Diagnosis empty = examine(Map.of(), at, pair(query, new long[] {0}, new long[] {0}));
            assertTrue(says(empty, Consumer.PEFT, "saved by ZeRO-3"), empty.toString());
            assertFalse(empty.loadsSomewhere(), empty.toString());
            Diagnosis vector = examine(Map.of(), at, pair(query, new long[] {128}, new long[] {256}));
            assertTrue(says(vector, Consumer.PEFT, "q_proj, (128) and (256), are no matrices"), vector.toString());
            assertFalse(vector.loadsSomewhere(), vector.toString());
        }
        Diagnosis unlike = examine(Map.of(), null, pair(query, new long[] {2, 64}, new long[] {128, 3}));
        assertTrue(says(unlike, Consumer.PEFT, "q_proj, (2, 64) and (128, 3), do not fit"), unlike.toString());
        assertFalse(unlike.loadsSomewhere(), unlike.toString());
        Map<String, long[]> three = pair(query, new long[] {3, 64}, new long[] {128, 3});
        Diagnosis rank = examine(Map.of(), base, three);
        assertTrue(says(rank, Consumer.PEFT, "have rank 3, and the settings say 2"), rank.toString());
        assertFalse(rank.loadsSomewhere(), rank.toString());
        assertTrue(examine(Map.of("rank_pattern", Map.of("q_proj", 3)), base, three)
                .loadsSomewhere());
        Diagnosis convolution = examine(Map.of(), null, pair("conv", new long[] {2, 3, 3, 3}, new long[] {8, 2, 1, 1}));
        assertEquals(Verdict.UNKNOWN, convolution.verdict(Consumer.PEFT), convolution.toString());
    }

    @Test
    void layersThatWereNotTrainedAreCounted() throws IOException {
        Map<String, long[]> both = pair("model.layers.0.self_attn.q_proj", new long[] {2, 64}, new long[] {128, 2});
        both.putAll(pair("model.layers.1.self_attn.q_proj", new long[] {2, 64}, new long[] {128, 2}));
        Diagnosis none = examine(Map.of(), null, both);
        assertTrue(says(none, Consumer.PEFT, "every lora_B is zero"), none.toString());
        Path weights = directory.resolve("adapter/adapter_model.safetensors");
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            both.forEach((name, shape) -> tensors.put(
                    "base_model.model." + name,
                    Tensors.zeros(Dtype.F32, DeviceSpec.CPU, shape).fill_(new Scalar(name.contains(".1.") ? 1 : 0))));
            SafetensorsWriter.write(weights, tensors, Map.of());
        }
        Diagnosis one = AdapterDoctor.examine(directory.resolve("adapter"), null);
        assertTrue(says(one, Consumer.PEFT, "1 of 2 lora_B are zero"), one.toString());
    }

    /** The modules around a language model differ by the class that opens it, and by the version of Transformers. */
    @ParameterizedTest
    @CsvSource({
        "model.language_model.layers.0.self_attn.q_proj, language_model.model.layers.0.self_attn.q_proj, llama, YES",
        "language_model.model.layers.0.self_attn.q_proj, model.language_model.layers.0.self_attn.q_proj, llama, YES",
        "layers.0.self_attn.q_proj, model.layers.0.self_attn.q_proj, llama, YES",
        "encoder.layer.0.attention.self.query, bert.encoder.layer.0.attention.self.query, bert, YES",
        "bert.encoder.layer.0.attention.self.query, encoder.layer.0.attention.self.query, bert, YES",
        "layers.0.self_attn.q_proj, vision.layers.0.self_attn.q_proj, llama, YES",
        "model.layers.0.self_attn.q_proj, model.layers.0.self_attn.c_attn, llama, NO",
        "model.layers.0.self_attn.q_proj, model.layers.0.self_attn.c_attn, rwkv, UNKNOWN",
    })
    void namesAreComparedWithoutTheModulesAroundThem(String adapted, String stored, String family, Verdict expected)
            throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("base"), "llama");
        base.config.put("model_type", family);
        base.shapes.remove("model.layers.0.self_attn.q_proj.weight");
        base.shapes.remove("model.layers.1.self_attn.q_proj.weight");
        base.shapes.put(stored + ".weight", new long[] {128, 64});
        Map<String, long[]> factors = pair(adapted, new long[] {2, 64}, new long[] {128, 2});
        Diagnosis diagnosis = examine(Map.of(), base.write().directory, factors);
        assertEquals(expected, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
        if (expected == Verdict.NO) {
            Diagnosis features = examine(Map.of("task_type", "FEATURE_EXTRACTION"), base.directory, factors);
            assertEquals(Verdict.UNKNOWN, features.verdict(Consumer.PEFT), features.toString());
        }
    }

    /** By one rule: what is found here is why the export refuses it. */
    @ParameterizedTest
    @CsvSource({
        "gemma4_text, model.layers.0.per_layer_input_gate, ",
        "gemma4_text, model.per_layer_model_projection, 'is adapted, to which llama.cpp applies no adapter'",
        "deepseek_v2, model.layers.0.self_attn.q_proj, 'is adapted, to which llama.cpp applies no adapter'",
        "deepseek_v3, model.layers.0.self_attn.q_b_proj, 'is adapted, to which llama.cpp applies no adapter'",
        "deepseek_v3, lm_head, 'is adapted, to which llama.cpp applies no adapter'",
        "deepseek_v3, model.layers.0.self_attn.o_proj, ",
        "llama, lm_head, ",
        "gpt2, lm_head, ",
        "qwen3_moe, model.layers.0.mlp.experts.3.up_proj, is a matrix of one expert",
    })
    void whatLlamaCppAppliesNoAdapterToIsToBeMerged(String family, String path, @Nullable String why)
            throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("base"), family);
        checkpoint.config.put("q_lora_rank", family.equals("deepseek_v2") ? null : 8);
        checkpoint.config.put("tie_word_embeddings", family.equals("gpt2"));
        Path base = checkpoint.write().directory;
        long[] shape = checkpoint.shapes.getOrDefault(path + ".weight", new long[] {8, 64});
        Map<String, long[]> factors = pair(path, new long[] {2, shape[1]}, new long[] {shape[0], 2});
        Diagnosis diagnosis = examine(Map.of(), base, factors);
        Path output = directory.resolve("adapter.gguf");
        if (why == null) {
            assertTrue(
                    diagnosis.of(Consumer.LLAMA_CPP).stream()
                            .noneMatch(finding -> finding.what().startsWith(path)),
                    diagnosis.toString());
            GgufAdapter.write(directory.resolve("adapter"), base, GgufType.F32, output);
            return;
        }
        assertEquals(Verdict.NO, diagnosis.verdict(Consumer.LLAMA_CPP), diagnosis.toString());
        assertTrue(says(diagnosis, Consumer.LLAMA_CPP, path + " " + why), diagnosis.toString());
        ConfigException refused = assertThrows(
                ConfigException.class,
                () -> GgufAdapter.write(directory.resolve("adapter"), base, GgufType.F32, output));
        assertTrue(refused.getMessage().contains(path + " " + why), refused.getMessage());
        assertTrue(refused.getMessage().contains("merged into its model"), refused.getMessage());
    }

    /** No merging helps: the adapter is another base's, or would change what else the matrix is. */
    @ParameterizedTest
    @CsvSource({
        "llama, transformer.h.0.attn.c_attn, has no place in llama.cpp's llama",
        "llama, model.layers.0.self_attn.q_b_proj, has no place in llama.cpp's llama",
        "llama, model.layers.99999999999.self_attn.q_proj, has no place in llama.cpp's llama",
        "smollm3, lm_head, 'is the output embedding, which is also the input''s: it has no tensor of its own in GGUF, and cannot be merged'",
        "llama, model.layers.2.self_attn.q_proj, 'is of layer 2, and the base has 2'",
        "llama, model.layers.999999999.self_attn.q_proj, 'is of layer 999999999, and the base has 2'",
    })
    void whatCannotBeMergedIsNotToBeMerged(String family, String path, String why) throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("base"), family);
        checkpoint.config.put("tie_word_embeddings", family.equals("smollm3"));
        Path base = checkpoint.write().directory;
        Diagnosis diagnosis = examine(Map.of(), base, pair(path, new long[] {2, 64}, new long[] {8, 2}));
        assertTrue(
                diagnosis.of(Consumer.LLAMA_CPP).stream()
                        .anyMatch(finding -> finding.what().equals(path + " " + why)
                                && finding.remedy().isEmpty()),
                diagnosis.toString());
        CheckpointException refused = assertThrows(
                CheckpointException.class,
                () -> GgufAdapter.write(
                        directory.resolve("adapter"), base, GgufType.F32, directory.resolve("adapter.gguf")));
        assertEquals(
                directory.resolve("adapter/adapter_model.safetensors") + ": " + path + " " + why, refused.getMessage());
    }

    @Test
    void anEmbeddingThatIsStoredAsTheHeadIsThere() throws IOException {
        TinyCheckpoint base = new TinyCheckpoint(directory.resolve("base"), "llama");
        base.shapes.remove("model.embed_tokens.weight");
        base.write();
        Map<String, long[]> embedding = new LinkedHashMap<>();
        embedding.put("model.embed_tokens.lora_embedding_A", new long[] {2, 12});
        embedding.put("model.embed_tokens.lora_embedding_B", new long[] {64, 2});
        Diagnosis diagnosis = examine(Map.of(), base.directory, embedding);
        assertEquals(Verdict.YES, diagnosis.verdict(Consumer.PEFT), diagnosis.toString());
    }

    @Test
    void aNameOfModulesToSaveThatMeansMoreThanTheFileHoldsIsNamed() throws IOException {
        Path base = new TinyCheckpoint(directory.resolve("base"), "llama").write().directory;
        Map<String, long[]> tensors = pair("model.layers.0.self_attn.q_proj", new long[] {2, 64}, new long[] {128, 2});
        tensors.put("model.norm.weight", new long[] {64});
        Diagnosis bare = examine(Map.of("modules_to_save", new String[] {"norm"}), base, tensors);
        assertEquals(Verdict.AFTER, bare.verdict(Consumer.PEFT), bare.toString());
        assertTrue(says(bare, Consumer.PEFT, "the file has no model.layers.0.input_layernorm.weight"), bare.toString());
        Diagnosis whole = examine(Map.of("modules_to_save", new String[] {"model.norm"}), base, tensors);
        assertEquals(Verdict.YES, whole.verdict(Consumer.PEFT), whole.toString());
    }
}
