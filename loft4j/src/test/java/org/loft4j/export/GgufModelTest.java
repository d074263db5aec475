package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.ModelDirectory;

/** Language models as GGUF: each tensor has its place and its values, and what llama.cpp would compute otherwise is refused. */
class GgufModelTest {
    @TempDir
    Path directory;

    static GgufReader export(TinyCheckpoint checkpoint, @Nullable GgufType type) throws IOException {
        return new GgufReader(report(checkpoint, type).file());
    }

    /** Exports it to {@code model.gguf} beside it. */
    static ExportReport report(TinyCheckpoint checkpoint, @Nullable GgufType type) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(checkpoint.directory)) {
            var options =
                    new GgufModel.Options(checkpoint.directory, checkpoint.directory, type, null, null, null, null);
            return GgufModel.write(source, options, checkpoint.directory.resolveSibling("model.gguf"));
        }
    }

    private TinyCheckpoint tiny(String modelType) {
        return new TinyCheckpoint(directory.resolve(modelType), modelType);
    }

    @ParameterizedTest
    @CsvSource({
        "llama, llama, 21",
        "mistral, llama, 21",
        "ministral, llama, 21",
        "qwen2, qwen2, 27",
        "qwen3, qwen3, 25",
        "gemma, gemma, 20",
        "gemma2, gemma2, 24",
        "phi, phi2, 33",
        "starcoder2, starcoder2, 35",
        "gemma3_text, gemma3, 28",
        "phi3, phi3, 15",
        "smollm3, smollm3, 21",
        "granite, granite, 21",
        "olmo2, olmo2, 25",
        "olmo3, olmo2, 25",
        "gpt2, gpt2, 18",
        "qwen3_moe, qwen3moe, 27",
        "mixtral, llama, 23",
        "olmoe, olmoe, 27",
    })
    void everyTensorHasItsPlaceAndItsValues(String modelType, String architecture, int count) throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType).write();
        GgufReader read = export(checkpoint, null);
        assertEquals(architecture, read.metadata.get("general.architecture"));
        assertEquals(count, read.tensors.size(), read.tensors.keySet().toString());
        assertTrue(read.tensors.containsKey("token_embd.weight"));
        double all = 0;
        for (Map.Entry<String, float[]> entry : checkpoint.values.entrySet()) {
            if (!entry.getKey().endsWith(".attn.bias")) {
                all += sum(entry.getValue());
            }
        }
        double written = 0;
        for (Map.Entry<String, GgufReader.Entry> entry : read.tensors.entrySet()) {
            boolean copy = modelType.equals("gpt2") && entry.getKey().equals("output.weight");
            written += copy ? 0 : sum(entry.getValue().values());
            boolean shifted = modelType.startsWith("gemma") && entry.getKey().endsWith("_norm.weight");
            written -= shifted ? entry.getValue().values().length : 0;
        }
        // whatever is reordered, nothing is lost or written twice; gemma's norms are one more
        assertEquals(all, written, 1e-2);
        String key = architecture + ".";
        assertEquals((long) TinyCheckpoint.LAYERS, read.metadata.get(key + "block_count"));
        assertEquals((long) TinyCheckpoint.HIDDEN, read.metadata.get(key + "embedding_length"));
        assertEquals(128L, read.metadata.get(key + "context_length"));
        assertEquals((long) TinyCheckpoint.HEADS, read.metadata.get(key + "attention.head_count"));
        boolean gpt2 = modelType.equals("gpt2");
        assertEquals(
                (long) (gpt2 ? TinyCheckpoint.HEADS : TinyCheckpoint.keyHeads(modelType)),
                read.metadata.get(key + "attention.head_count_kv"));
        assertEquals(gpt2 ? 256L : 96L, read.metadata.get(key + "feed_forward_length"));
        if (!gpt2) {
            assertEquals(50000f, read.metadata.get(key + "rope.freq_base"));
            boolean layerNorms = modelType.equals("phi") || modelType.equals("starcoder2");
            assertEquals(
                    layerNorms ? 2e-5f : 1e-5f,
                    read.metadata.get(
                            key + (layerNorms ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon")));
            boolean small = layerNorms || modelType.equals("phi3") || modelType.startsWith("olmo");
            assertEquals(
                    modelType.equals("phi") ? 8L : small ? 16L : 32L, read.metadata.get(key + "rope.dimension_count"));
        }
    }

    /** What lies in a model with a vision tower is exported as the same by itself. */
    @ParameterizedTest
    @CsvSource({
        "gemma3_text, gemma3, false",
        "gemma3_text, gemma3, true",
        "mistral, mistral3, false",
        "mistral, mistral3, true",
        "qwen2, qwen2_5_vl, true",
        "qwen3, qwen3_vl, true"
    })
    void aLanguageModelInAnotherIsExportedByItself(String alone, String whole, boolean newer) throws IOException {
        GgufReader expected = export(tiny(alone).write(), null);
        TinyCheckpoint inner = tiny(alone);
        TinyCheckpoint outer = new TinyCheckpoint(directory.resolve(whole), alone);
        outer.config.clear();
        outer.config.put("model_type", whole);
        if (whole.endsWith("_vl")) {
            inner.config.put("model_type", whole + "_text");
        }
        outer.config.put("text_config", inner.config);
        outer.config.put("vision_config", Map.of("hidden_size", 8));
        outer.shapes.clear();
        inner.shapes.forEach((name, shape) -> outer.shapes.put(
                newer ? name.replaceFirst("^model\\.", "model.language_model.") : "language_model." + name, shape));
        outer.shapes.put((newer ? "model." : "") + "vision_tower.patch.weight", new long[] {4, 4});
        outer.shapes.put((newer ? "model." : "") + "multi_modal_projector.linear_1.weight", new long[] {4, 4});
        GgufReader read = export(outer.write(), null);
        assertEquals(expected.tensors.keySet(), read.tensors.keySet());
        for (Map.Entry<String, GgufReader.Entry> entry : expected.tensors.entrySet()) {
            assertArrayEquals(
                    entry.getValue().values(), read.tensors.get(entry.getKey()).values());
        }
        expected.metadata.remove("general.name");
        read.metadata.remove("general.name");
        assertEquals(expected.metadata.toString(), read.metadata.toString());
    }

    /** Files of Qwen2-VL have the settings and names of the language model beside the tower's. */
    @Test
    void aLanguageModelBesideATowerIsExportedByItself() throws IOException {
        GgufReader expected = export(tiny("qwen2").write(), null);
        TinyCheckpoint outer = tiny("qwen2");
        outer.config.putAll(Map.of("model_type", "qwen2_vl", "vision_config", Map.of("hidden_size", 8)));
        outer.config.put("rope_scaling", Map.of("type", "mrope", "mrope_section", new int[] {4, 6, 6}));
        outer.shapes.put("visual.patch_embed.proj.weight", new long[] {4, 4});
        GgufReader read = export(outer.write(), null);
        assertEquals(expected.tensors.keySet(), read.tensors.keySet());
        assertEquals(expected.metadata.toString(), read.metadata.toString());
    }

    private static double sum(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum;
    }

    /** Row 2i + j of each head was row i + j·d/2: rotated halves become rotated pairs. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "smollm3", "granite"})
    void llamasQueriesAndKeysArePairedAndNothingElse(String modelType) throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        boolean biased = modelType.equals("llama");
        if (biased) {
            checkpoint.shapes.put("model.layers.0.self_attn.k_proj.bias", new long[] {64});
        }
        GgufReader read = export(checkpoint.write(), null);
        float[] key = checkpoint.values.get("model.layers.1.self_attn.k_proj.weight");
        float[] bias = checkpoint.values.get("model.layers.0.self_attn.k_proj.bias");
        float[] query = checkpoint.values.get("model.layers.1.self_attn.q_proj.weight");
        int half = TinyCheckpoint.HEAD_DIM / 2;
        int columns = TinyCheckpoint.HIDDEN;
        for (int head = 0; head < TinyCheckpoint.HEADS; head++) {
            for (int i = 0; i < half; i++) {
                for (int j = 0; j < 2; j++) {
                    int to = head * 2 * half + 2 * i + j;
                    int from = head * 2 * half + j * half + i;
                    assertEquals(query[from * columns + 5], values(read, "blk.1.attn_q.weight")[to * columns + 5]);
                    if (head < TinyCheckpoint.KEY_HEADS) {
                        assertEquals(key[from * columns + 9], values(read, "blk.1.attn_k.weight")[to * columns + 9]);
                        assertTrue(!biased || bias[from] == values(read, "blk.0.attn_k.bias")[to]);
                    }
                }
            }
        }
        assertArrayEquals(
                checkpoint.values.get("model.layers.1.self_attn.v_proj.weight"), values(read, "blk.1.attn_v.weight"));
        assertArrayEquals(
                new long[] {64, 128}, read.tensors.get("blk.1.attn_q.weight").sizes());
        assertArrayEquals(checkpoint.values.get("lm_head.weight"), values(read, "output.weight"));
        GgufReader qwen = export(tiny("qwen3").write(), null);
        assertNotNull(qwen.tensors.get("blk.0.attn_q_norm.weight"));
    }

    @Test
    void otherFamiliesKeepTheirRowsAndGemmaAddsOneToItsNorms() throws IOException {
        TinyCheckpoint qwen = tiny("qwen2").write();
        assertArrayEquals(
                qwen.values.get("model.layers.0.self_attn.q_proj.weight"),
                values(export(qwen, null), "blk.0.attn_q.weight"));
        TinyCheckpoint gemma = tiny("gemma2").write();
        GgufReader read = export(gemma, null);
        Map<String, String> norms = Map.of(
                "model.layers.0.input_layernorm.weight", "blk.0.attn_norm.weight",
                "model.layers.0.post_attention_layernorm.weight", "blk.0.post_attention_norm.weight",
                "model.layers.0.pre_feedforward_layernorm.weight", "blk.0.ffn_norm.weight",
                "model.layers.0.post_feedforward_layernorm.weight", "blk.0.post_ffw_norm.weight",
                "model.norm.weight", "output_norm.weight");
        norms.forEach((from, to) -> assertEquals(gemma.values.get(from)[3] + 1, values(read, to)[3], 1e-6, from));
        assertEquals(50f, read.metadata.get("gemma2.attn_logit_softcapping"));
        assertEquals(30f, read.metadata.get("gemma2.final_logit_softcapping"));
        assertEquals(16L, read.metadata.get("gemma2.attention.sliding_window"));
        assertFalse(read.tensors.containsKey("output.weight"));
        TinyCheckpoint gpt2 = tiny("gpt2").write();
        float[] stored = gpt2.values.get("transformer.h.0.mlp.c_fc.weight");
        float[] turned = values(export(gpt2, null), "blk.0.ffn_up.weight");
        assertEquals(stored[3 * 256 + 200], turned[200 * 64 + 3]);
    }

    @Test
    void typesAreWhatWasAskedForWhereRowsAllowIt() throws IOException {
        TinyCheckpoint checkpoint = tiny("gpt2").write();
        GgufReader read = export(checkpoint, GgufType.Q8_0);
        assertEquals(7L, read.metadata.get("general.file_type"));
        assertEquals(2L, read.metadata.get("general.quantization_version"));
        assertEquals(8, read.tensors.get("blk.0.ffn_up.weight").type());
        assertEquals(8, read.tensors.get("token_embd.weight").type());
        assertEquals(0, read.tensors.get("position_embd.weight").type());
        assertEquals(0, read.tensors.get("blk.0.attn_norm.weight").type());
        assertEquals(0, read.tensors.get("blk.0.attn_qkv.bias").type());
        TinyCheckpoint narrow = tiny("llama");
        narrow.shapes.replaceAll((name, shape) -> name.endsWith("down_proj.weight") ? new long[] {64, 40} : shape);
        assertEquals(
                1,
                export(narrow.write(), GgufType.Q8_0)
                        .tensors
                        .get("blk.0.ffn_down.weight")
                        .type());
        assertEquals(
                30,
                export(narrow, GgufType.BF16)
                        .tensors
                        .get("blk.0.ffn_down.weight")
                        .type());
    }

    /** Random numbers, so that no head is a copy. */
    @ParameterizedTest
    @CsvSource({"llama, model.embed_tokens.weight", "gpt2, transformer.wte.weight"})
    void aHeadThatIsTiedAndNoCopyIsNotDropped(String modelType, String embedding) throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        checkpoint.config.remove("tie_word_embeddings");
        if (modelType.equals("llama")) {
            checkpoint.config.put("tie_word_embeddings", true);
        }
        checkpoint.shapes.put("lm_head.weight", checkpoint.shapes.get(embedding));
        assertRefused(checkpoint, "lm_head.weight is not " + embedding);
    }

    @ParameterizedTest
    @CsvSource({
        "llama, model.embed_tokens.weight",
        "granite, model.embed_tokens.weight",
        "olmo2, model.embed_tokens.weight",
        "gpt2, transformer.wte.weight"
    })
    void aHeadAloneIsTheEmbeddingWhereTheTwoAreTied(String modelType, String embedding) throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        checkpoint.config.put("tie_word_embeddings", true);
        checkpoint.shapes.put("lm_head.weight", checkpoint.shapes.remove(embedding));
        GgufReader read = export(checkpoint.write(), null);
        float[] head = checkpoint.values.get("lm_head.weight");
        assertArrayEquals(head, read.tensors.get("token_embd.weight").values());
        boolean own = Set.of("gpt2", "olmo2").contains(modelType);
        assertEquals(own, read.tensors.containsKey("output.weight"));
        checkpoint.config.put("tie_word_embeddings", false);
        assertRefused(checkpoint, "has no input embedding");
    }

    /** llama.cpp would take the input embedding in its place. */
    @Test
    void aHeadThatIsNotTiedMustBeThere() throws IOException {
        TinyCheckpoint checkpoint = tiny("llama");
        checkpoint.shapes.remove("lm_head.weight");
        assertRefused(checkpoint, "lacks the tensors that llama.cpp calls output.weight");
    }

    static void assertRefused(TinyCheckpoint checkpoint, String why) throws IOException {
        checkpoint.write();
        String fault = assertThrows(CheckpointException.class, () -> export(checkpoint, null))
                .getMessage();
        assertTrue(fault.contains(why), fault);
    }

    @ParameterizedTest
    @CsvSource({
        "llama, hidden_act, gelu",
        "llama, rope_scaling, dynamic",
        "qwen2, use_sliding_window, true",
        "gemma2, query_pre_attn_scalar, 7",
        "gpt2, activation_function, relu",
        "gemma, hidden_activation, silu",
        "gemma, tie_word_embeddings, false",
        "gemma2, tie_word_embeddings, false",
        "phi, qk_layernorm, true",
        "phi, hidden_act, gelu",
        "starcoder2, use_bias, false",
        "gemma3_text, rope_scaling, yarn",
        "llama, quantization_config, x",
        "qwen3, is_causal, false",
        "gpt2, is_causal, false",
        "llama, use_bidirectional_attention, true",
    })
    void whatLlamaCppWouldComputeOtherwiseIsRefused(String modelType, String key, String value) throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType);
        Object set = key.equals("rope_scaling") ? Map.of("rope_type", value, "factor", 2.0) : value;
        set = value.matches("true|false") ? (Object) Boolean.valueOf(value) : value.equals("7") ? (Object) 7 : set;
        checkpoint.config.put(key, set);
        if (key.equals("tie_word_embeddings")) {
            checkpoint.shapes.put("lm_head.weight", new long[] {TinyCheckpoint.VOCABULARY, TinyCheckpoint.HIDDEN});
        }
        checkpoint.write();
        CheckpointException refused = assertThrows(CheckpointException.class, () -> export(checkpoint, null));
        assertTrue(refused.getMessage().contains(key), refused.getMessage());
        assertFalse(Files.exists(directory.resolve("model.gguf")));
    }

    @Test
    void unknownFamiliesTensorsAndTokenizersAreNamed() throws IOException {
        TinyCheckpoint roberta = tiny("llama");
        roberta.config.put("model_type", "roberta");
        roberta.write();
        ConfigException family = assertThrows(ConfigException.class, () -> export(roberta, null));
        assertTrue(
                family.getMessage()
                        .contains("must be one of llama, mistral, ministral, mistral3, mixtral, ministral3, qwen2"),
                family.getMessage());
        TinyCheckpoint extra = tiny("mistral");
        extra.shapes.put("model.layers.0.self_attn.q_norm.weight", new long[] {32});
        extra.write();
        CheckpointException tensor = assertThrows(CheckpointException.class, () -> export(extra, null));
        assertTrue(tensor.getMessage().contains("model.layers.0.self_attn.q_norm.weight"), tensor.getMessage());
        TinyCheckpoint less = tiny("qwen2");
        less.shapes.remove("model.layers.1.mlp.up_proj.weight");
        less.write();
        CheckpointException missing = assertThrows(CheckpointException.class, () -> export(less, null));
        assertTrue(missing.getMessage().contains("blk.1.ffn_up.weight"), missing.getMessage());
        TinyCheckpoint odd = tiny("qwen3").write();
        Path tokenizer = odd.directory.resolve("tokenizer.json");
        Files.writeString(tokenizer, Files.readString(tokenizer).replace("ByteLevel", "Whitespace"));
        ConfigException pre = assertThrows(ConfigException.class, () -> export(odd, null));
        assertTrue(pre.getMessage().contains("--tokenizer-pre"), pre.getMessage());
        assertTrue(GgufModel.modelTypes().containsAll(Set.of("gemma3", "gemma3_text")));
    }

    static float[] values(GgufReader read, String name) {
        GgufReader.Entry entry = read.tensors.get(name);
        assertNotNull(entry, name + " of " + read.tensors.keySet());
        return entry.values();
    }
}
