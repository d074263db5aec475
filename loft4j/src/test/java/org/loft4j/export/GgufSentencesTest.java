package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.nn.Pooling;
import org.loft4j.tensor.Tensors;

/** Models of sentence embeddings. */
class GgufSentencesTest {
    private static final int HIDDEN = TinyCheckpoint.HIDDEN;

    @TempDir
    Path directory;

    private TinyCheckpoint tiny(String modelType) {
        TinyCheckpoint tiny = new TinyCheckpoint(directory.resolve(modelType), modelType);
        if (modelType.equals("gemma3_text")) {
            tiny.config.put("use_bidirectional_attention", true);
        }
        return tiny;
    }

    private static ExportReport export(TinyCheckpoint checkpoint, PooledVectors vectors) throws IOException {
        Path model = checkpoint.directory;
        try (ModelDirectory source = ModelDirectory.open(model)) {
            var options = new GgufModel.Options(model, model, GgufType.F32, null, null, null, vectors);
            return GgufModel.write(source, options, model.resolveSibling("model.gguf"));
        }
    }

    private static PooledVectors.Layer layer(int in, int out, boolean plain) {
        float[] numbers = new float[in * out];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = i;
        }
        return new PooledVectors.Layer(in, out, plain, () -> Tensors.of(numbers, out, in));
    }

    @Test
    void embeddingGemmaHasItsPoolingAndItsLayers() throws IOException {
        TinyCheckpoint checkpoint = tiny("gemma3_text").write();
        List<PooledVectors.Layer> layers = List.of(layer(HIDDEN, 96, true), layer(96, HIDDEN, true));
        ExportReport report = export(checkpoint, new PooledVectors(Pooling.MEAN, layers, true));
        GgufReader read = new GgufReader(report.file());
        Map<String, Object> metadata = read.metadata;
        assertEquals("gemma-embedding", metadata.get("general.architecture"));
        assertEquals(1L, metadata.get("gemma-embedding.pooling_type"));
        assertEquals(16L, metadata.get("gemma-embedding.attention.sliding_window"));
        assertEquals(10000f, metadata.get("gemma-embedding.rope.freq_base_swa"));
        assertEquals(64L, metadata.get("gemma-embedding.dense_2_feat_in"));
        assertEquals(96L, metadata.get("gemma-embedding.dense_2_feat_out"));
        assertEquals(96L, metadata.get("gemma-embedding.dense_3_feat_in"));
        assertEquals(64L, metadata.get("gemma-embedding.dense_3_feat_out"));
        assertArrayEquals(
                new long[] {96, 64}, read.tensors.get("dense_3.weight").sizes());
        assertEquals(65f, GgufModelTest.values(read, "dense_2.weight")[65]);
        float[] norm = checkpoint.values.get("model.norm.weight");
        assertEquals(norm[0] + 1, GgufModelTest.values(read, "output_norm.weight")[0], 1e-6);
        assertTrue(
                report.notes().toString().contains("puts no prompt before a text"),
                report.notes().toString());
        assertNull(GgufModel.fault(checkpoint.directory, model -> PooledVectors.ANY));
    }

    /**
     * As Qwen3-Embedding: a file without a head, be the class that config.json names a language model's or not, and texts that end with
     * another token than answers.
     */
    @ParameterizedTest
    @CsvSource({
        "LAST, 3, false, Qwen3Model, abc, true, 5",
        "CLS, 2, true, Qwen3Model, abc, true, 5",
        "LAST, 3, false, Qwen3ForCausalLM, <|end|>, false, 8"
    })
    void aDecoderIsExportedWithoutItsHead(
            Pooling pooling, long written, boolean head, String named, String end, boolean closes, long eos)
            throws IOException {
        TinyCheckpoint checkpoint = tiny("qwen3");
        if (!head) {
            checkpoint.shapes.remove("lm_head.weight");
        }
        checkpoint.config.put("architectures", List.of(named));
        Path model = checkpoint.write().directory;
        ObjectNode tokenizer = Json.read(model.resolve("tokenizer.json")).toTree();
        ObjectNode template = tokenizer.putObject("post_processor").put("type", "TemplateProcessing");
        template.putArray("single").addObject().putObject("Sequence").put("id", "A");
        template.withArray("single").addObject().putObject("SpecialToken").put("id", end);
        Json.write(model.resolve("tokenizer.json"), tokenizer);
        ObjectNode settings = Json.read(model.resolve("tokenizer_config.json")).toTree();
        Json.write(model.resolve("tokenizer_config.json"), settings.put("add_eos_token", false));
        Files.writeString(model.resolve("modules.json"), "[]");
        assertTrue(GgufModel.makesVectors(model));
        assertNull(GgufModel.fault(model, each -> new PooledVectors(pooling, List.of(), false)));
        GgufReader read = new GgufReader(
                export(checkpoint, new PooledVectors(pooling, List.of(), false)).file());
        assertEquals(written, read.metadata.get("qwen3.pooling_type"));
        assertFalse(read.tensors.containsKey("output.weight"));
        assertEquals(eos, read.metadata.get("tokenizer.ggml.eos_token_id"));
        assertEquals(closes, read.metadata.get("tokenizer.ggml.add_eos_token"));
    }

    @Test
    void withoutWordOfHowVectorsAreMadeThereAreNone() throws IOException {
        TinyCheckpoint checkpoint = tiny("gemma3_text").write();
        String fault = assertThrows(CheckpointException.class, () -> GgufModelTest.export(checkpoint, null))
                .getMessage();
        assertTrue(fault.contains("there is no modules.json beside it"), fault);
        assertEquals(fault, GgufModel.fault(checkpoint.directory, model -> null));
        assertTrue(GgufModel.makesVectors(checkpoint.directory));
        TinyCheckpoint writer = tiny("llama");
        writer.config.put("architectures", List.of("LlamaForCausalLM"));
        writer.write();
        assertFalse(GgufModel.makesVectors(writer.directory), "it writes texts");
        Files.writeString(writer.directory.resolve("modules.json"), "[]");
        assertTrue(GgufModel.makesVectors(writer.directory));
        assertTrue(
                GgufModelTest.export(writer, null).tensors.containsKey("output.weight"), "who asks for texts has them");
    }

    @Test
    void aPhiWithoutItsHeadIsRefused() throws IOException {
        TinyCheckpoint checkpoint = tiny("phi").write();
        String fault = assertThrows(CheckpointException.class, () -> export(checkpoint, PooledVectors.ANY))
                .getMessage();
        assertTrue(fault.contains("is phi, which llama.cpp does not load without a head"), fault);
    }

    @ParameterizedTest
    @CsvSource({
        "qwen3, 64, true, 2",
        "gemma3_text, 64, true, 1",
        "gemma3_text, 64, false, 2",
        "gemma3_text, 32, true, 2"
    })
    void layersThatLlamaCppDoesNotComputeAreRefused(String modelType, int in, boolean plain, int count)
            throws IOException {
        TinyCheckpoint checkpoint = tiny(modelType).write();
        List<PooledVectors.Layer> layers =
                List.of(layer(in, 96, true), layer(96, HIDDEN, plain)).subList(0, count);
        PooledVectors vectors = new PooledVectors(Pooling.MEAN, layers, false);
        String fault = assertThrows(CheckpointException.class, () -> export(checkpoint, vectors))
                .getMessage();
        assertTrue(fault.contains(count + " Dense, which llama.cpp does not compute"), fault);
        assertThrows(ConfigException.class, () -> new PooledVectors(Pooling.POOLER, List.of(), false));
    }

    /** As all-MiniLM-L6-v2, with the pooler and the positions' numbers that its file has. */
    private TinyCheckpoint bert() throws IOException {
        TinyCheckpoint tiny = new TinyCheckpoint(directory.resolve("bert"), "bert");
        tiny.shapes.clear();
        tiny.config.put("architectures", List.of("BertModel"));
        tiny.config.put("hidden_act", "gelu");
        tiny.config.put("layer_norm_eps", 1e-12);
        tiny.config.put("type_vocab_size", 2);
        tiny.config.remove("num_key_value_heads");
        tiny.config.remove("head_dim");
        tiny.matrix("embeddings.word_embeddings", 20, HIDDEN, false);
        tiny.matrix("embeddings.position_embeddings", 128, HIDDEN, false);
        tiny.matrix("embeddings.token_type_embeddings", 2, HIDDEN, false);
        tiny.shapes.put("embeddings.position_ids", new long[] {1, 128});
        layerNorm(tiny, "embeddings.LayerNorm");
        for (int i = 0; i < TinyCheckpoint.LAYERS; i++) {
            String layer = "encoder.layer." + i + ".";
            for (String part : List.of("self.query", "self.key", "self.value", "output.dense")) {
                tiny.matrix(layer + "attention." + part, HIDDEN, HIDDEN, true);
            }
            layerNorm(tiny, layer + "attention.output.LayerNorm");
            tiny.matrix(layer + "intermediate.dense", TinyCheckpoint.WIDTH, HIDDEN, true);
            tiny.matrix(layer + "output.dense", HIDDEN, TinyCheckpoint.WIDTH, true);
            layerNorm(tiny, layer + "output.LayerNorm");
        }
        tiny.matrix("pooler.dense", HIDDEN, HIDDEN, true);
        tiny.write();
        wordPieces(tiny);
        return tiny;
    }

    private static void wordPieces(TinyCheckpoint tiny) throws IOException {
        Path tokenizer = Path.of("src", "test", "resources", "fixtures", "tiny_wordpiece");
        for (String file : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(tokenizer.resolve(file), tiny.directory.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static void layerNorm(TinyCheckpoint tiny, String path) {
        tiny.norm(path);
        tiny.shapes.put(path + ".bias", new long[] {HIDDEN});
    }

    @Test
    void bertHasItsPlacesAndItsWordPieces() throws IOException {
        TinyCheckpoint checkpoint = bert();
        ExportReport report = export(checkpoint, new PooledVectors(Pooling.CLS, List.of(), false));
        GgufReader read = new GgufReader(report.file());
        Map<String, Object> metadata = read.metadata;
        assertEquals("bert", metadata.get("general.architecture"));
        assertEquals(2L, metadata.get("bert.pooling_type"));
        assertEquals(false, metadata.get("bert.attention.causal"));
        assertEquals(1e-12f, metadata.get("bert.attention.layer_norm_epsilon"));
        assertEquals(2L, metadata.get("tokenizer.ggml.token_type_count"));
        assertEquals(5 + 2 * 16, read.tensors.size());
        Map.of(
                        "embeddings.LayerNorm.bias", "token_embd_norm.bias",
                        "embeddings.token_type_embeddings.weight", "token_types.weight",
                        "encoder.layer.1.attention.self.value.bias", "blk.1.attn_v.bias",
                        "encoder.layer.1.attention.output.LayerNorm.weight", "blk.1.attn_output_norm.weight",
                        "encoder.layer.0.intermediate.dense.weight", "blk.0.ffn_up.weight",
                        "encoder.layer.0.output.LayerNorm.bias", "blk.0.layer_output_norm.bias")
                .forEach((from, to) ->
                        assertArrayEquals(checkpoint.values.get(from), GgufModelTest.values(read, to), from));
        try (ModelDirectory source = ModelDirectory.open(checkpoint.directory)) {
            Path dir = checkpoint.directory;
            var half = new GgufModel.Options(dir, dir, GgufType.F16, null, null, null, PooledVectors.ANY);
            Map<String, GgufReader.Entry> tensors = new GgufReader(
                            GgufModel.write(source, half, dir.resolve("half.gguf"))
                                    .file())
                    .tensors;
            assertEquals(1, tensors.get("token_embd.weight").type());
            for (String wide : List.of("position_embd.weight", "token_types.weight", "token_embd_norm.weight")) {
                assertEquals(0, tensors.get(wide).type(), wide);
            }
        }
        assertEquals("bert", metadata.get("tokenizer.ggml.model"));
        List<?> tokens = (List<?>) metadata.get("tokenizer.ggml.tokens");
        assertEquals(List.of("[MASK]", "▁the", "▁a"), tokens.subList(4, 7));
        assertEquals(List.of("happy", "s", "▁."), tokens.subList(13, 16));
        assertEquals(1L, metadata.get("tokenizer.ggml.cls_token_id"));
        assertEquals(2L, metadata.get("tokenizer.ggml.seperator_token_id"));
        assertEquals(true, metadata.get("tokenizer.ggml.normalizer.lowercase"));
        assertTrue(
                report.notes().toString().contains("drops spacing marks"),
                report.notes().toString());
        assertTrue(
                report.notes().toString().contains("approximation with tanh"),
                report.notes().toString());
    }

    /** As bert-base-uncased: the settings name no tokens, and a file of old has other names of norms and of what is put around texts. */
    @Test
    void bertGoesByTokenizerJsonAlone() throws IOException {
        TinyCheckpoint checkpoint = bert();
        for (String name : List.copyOf(checkpoint.shapes.keySet())) {
            String old =
                    name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta");
            checkpoint.shapes.put(old, checkpoint.shapes.remove(name));
        }
        checkpoint.write();
        wordPieces(checkpoint);
        ObjectNode json =
                Json.read(checkpoint.directory.resolve("tokenizer.json")).toTree();
        ObjectNode around = json.putObject("post_processor").put("type", "BertProcessing");
        around.putArray("sep").add("[SEP]").add(2);
        around.putArray("cls").add("[CLS]").add(1);
        Json.write(checkpoint.directory.resolve("tokenizer.json"), json);
        Files.writeString(checkpoint.directory.resolve("tokenizer_config.json"), "{\"cls_token\": \"the\"}");
        GgufReader read = new GgufReader(export(checkpoint, PooledVectors.ANY).file());
        Map.of("bos", 1L, "cls", 1L, "seperator", 2L, "unknown", 0L, "padding", 3L, "mask", 4L)
                .forEach((key, id) -> assertEquals(id, read.metadata.get("tokenizer.ggml." + key + "_token_id"), key));
        assertArrayEquals(
                checkpoint.values.get("encoder.layer.1.output.LayerNorm.beta"),
                GgufModelTest.values(read, "blk.1.layer_output_norm.bias"));
    }

    /** llama.cpp stops at it. */
    @Test
    void anAddedTokenThatIsWrittenAsAPieceIsRefused() throws IOException {
        TinyCheckpoint checkpoint = bert();
        ObjectNode json =
                Json.read(checkpoint.directory.resolve("tokenizer.json")).toTree();
        json.withArray("added_tokens").addObject().put("id", 19).put("content", "happy");
        Json.write(checkpoint.directory.resolve("tokenizer.json"), json);
        String fault = assertThrows(CheckpointException.class, () -> export(checkpoint, PooledVectors.ANY))
                .getMessage();
        assertTrue(fault.contains("has the tokens ##happy and happy, ids 13 and 19"), fault);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "config.json | hidden_act | \"relu\" | hidden_act",
                "config.json | position_embedding_type | \"relative_key\" | position_embedding_type",
                "config.json | is_decoder | true | is_decoder",
                "config.json | architectures | [\"BertForSequenceClassification\"] | vectors of texts alone",
                "tokenizer.json | normalizer | {\"type\": \"BertNormalizer\", \"clean_text\": false} | clean_text",
                "tokenizer.json | pre_tokenizer | {\"type\": \"Whitespace\"} | pre_tokenizer",
                "tokenizer.json | post_processor | null | post_processor",
                "tokenizer.json | post_processor | {\"type\": \"TemplateProcessing\", \"single\": []} | post_processor",
                "tokenizer.json | model | {\"type\": \"BPE\", \"vocab\": {}} | WordPiece",
            })
    void whatLlamaCppsBertDoesNotDoIsRefused(String file, String key, String value, String why) throws IOException {
        TinyCheckpoint checkpoint = bert();
        ObjectNode json = Json.read(checkpoint.directory.resolve(file)).toTree();
        json.set(key, new ObjectMapper().readTree(value));
        Json.write(checkpoint.directory.resolve(file), json);
        String fault = assertThrows(CheckpointException.class, () -> export(checkpoint, PooledVectors.ANY))
                .getMessage();
        assertTrue(fault.contains(why), fault);
    }
}
