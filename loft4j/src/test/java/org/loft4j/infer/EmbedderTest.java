package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.model.SentenceFiles;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.OthersLanes;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

class EmbedderTest {
    @TempDir
    Path folder;

    @BeforeEach
    void aModelWithATokenizer() throws IOException {
        Path model = Fixture.directory("bert_cls");
        Path words = model.resolveSibling("tiny_wordpiece");
        Files.copy(model.resolve("config.json"), folder.resolve("config.json"));
        Files.copy(model.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        Files.copy(words.resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
        Files.copy(words.resolve("tokenizer_config.json"), folder.resolve("tokenizer_config.json"));
    }

    private static SentenceFiles files(Pooling pooling, boolean normalised, int length) {
        return new SentenceFiles(pooling, normalised, length, false, Map.of("query", "the "), null, null);
    }

    /** What a text's vector is without batch, tokenizer's padding or files. */
    private float[] alone(String text, int length, Pooling pooling) throws IOException {
        try (NativeScope scope = new NativeScope();
                Tokenizer tokenizer = Tokenizer.open(folder);
                Model model = Models.open(
                        folder, ModelOptions.of(Task.SENTENCE_EMBEDDING).withPooling(pooling))) {
            long[] ids = tokenizer.encodeTruncated(text, length);
            Tensor vector = model.logits(new TokenInput(Tensors.of(ids, 1, ids.length), null));
            return Tensors.toFloats(vector);
        }
    }

    @Test
    void vectorsAreThoseOfEachTextAlone() throws IOException {
        List<String> texts = List.of("the cat", "a", "the cat sat on the mat and the cat sat", "mat");
        try (Embedder embedder = Embedder.open(folder)) {
            assertEquals(64, embedder.dimension());
            List<float[]> vectors = embedder.embed(texts);
            for (int i = 0; i < texts.size(); i++) {
                assertArrayEquals(alone(texts.get(i), 64, Pooling.MEAN), vectors.get(i), 1e-5f, texts.get(i));
            }
            assertArrayEquals(vectors.get(1), embedder.embed("a"), 1e-5f);
            List<float[]> prompted = embedder.embed(List.of("cat"), "the ");
            assertArrayEquals(vectors.get(0), prompted.get(0), 1e-5f);
            assertEquals(1, TextEmbedder.cosine(vectors.get(0), prompted.get(0)), 1e-6);
            List<List<float[]>> together = IntStream.range(0, 4)
                    .parallel()
                    .mapToObj(i -> embedder.embed(texts))
                    .toList();
            together.forEach(each -> assertArrayEquals(vectors.get(2), each.get(2), 1e-5f));
        }
        Embedder closed = Embedder.open(folder);
        closed.close();
        assertThrows(IllegalStateException.class, () -> closed.embed("a"));
    }

    @Test
    void theFilesSayPoolingLengthAndNorm() throws IOException {
        files(Pooling.CLS, true, 5).write(folder, 64);
        String text = "the cat sat on the mat";
        try (Embedder embedder = Embedder.open(folder)) {
            assertEquals(Map.of("query", "the "), embedder.prompts());
            float[] vector = embedder.embed(text);
            assertArrayEquals(TextEmbedder.normalised(alone(text, 5, Pooling.CLS)), vector, 1e-6f);
            double length = Math.sqrt(TextEmbedder.cosine(vector, vector));
            assertEquals(1, length, 1e-6);
        }
    }

    @Test
    void aQueryAndADocumentHaveTheirPrompts() throws IOException {
        Map<String, String> prompts = Map.of("query", "the ", "passage", "a ");
        new SentenceFiles(Pooling.MEAN, false, 0, false, prompts, "query", null).write(folder, 64);
        try (Embedder embedder = Embedder.open(folder)) {
            assertArrayEquals(alone("the cat", 64, Pooling.MEAN), embedder.embedQuery("cat"), 1e-5f);
            assertArrayEquals(alone("a cat", 64, Pooling.MEAN), embedder.embed("cat"), 1e-5f);
            assertArrayEquals(
                    alone("cat", 64, Pooling.MEAN),
                    embedder.embed(List.of("cat"), "").get(0),
                    1e-5f);
        }
    }

    @Test
    void anAdapterIsUsedAsItWasTrained() throws IOException {
        Path adapter = folder.resolve("adapter");
        float[] expected;
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(
                        folder, ModelOptions.of(Task.SENTENCE_EMBEDDING).withPooling(Pooling.LAST));
                LoraAdapter lora = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 3);
                Tokenizer tokenizer = Tokenizer.open(folder)) {
            lora.layers().values().forEach(layer -> {
                try (AutoGradMode frozen = new AutoGradMode(false)) {
                    layer.loraB().fill_(new Scalar(0.05));
                }
            });
            PeftFiles.save(adapter, lora, model, new PeftMetadata(folder.toString(), null));
            expected = new TextEmbedder(model, tokenizer, 4, 2, true)
                    .embed(List.of("the cat sat on the mat"))
                    .get(0);
            files(Pooling.LAST, true, 4).write(adapter, 64);
        }
        // as sentence-transformers and PEFT leave it, and as a training here does
        for (boolean ours : new boolean[] {false, true}) {
            if (ours) {
                new TaskFile(Task.SENTENCE_EMBEDDING, List.of(), Pooling.LAST, 4, folder.toString(), null)
                        .write(adapter);
            }
            try (Embedder embedder = Embedder.open(adapter)) {
                assertArrayEquals(expected, embedder.embed("the cat sat on the mat"), 1e-6f);
            }
        }
        new TaskFile(Task.SEQUENCE_CLASSIFICATION, List.of("a", "b"), null, 16, folder.toString(), null).write(adapter);
        ConfigException other =
                assertThrows(ConfigException.class, () -> Embedder.open(folder, adapter, DeviceSpec.CPU, null));
        assertTrue(String.valueOf(other.getMessage()).contains("to classify texts"), other.getMessage());
    }

    @Test
    void cosinesAndLengths() {
        assertEquals(0.6, TextEmbedder.cosine(new float[] {3, 4}, new float[] {2, 0}), 1e-7);
        assertEquals(0, TextEmbedder.cosine(new float[] {0, 0}, new float[] {2, 0}), 0);
        assertArrayEquals(new float[] {0.6f, 0.8f}, TextEmbedder.normalised(new float[] {3, 4}), 1e-7f);
        assertArrayEquals(new float[] {0.6f, 0.8f}, TextEmbedder.shortened(new float[] {3, 4, 12}, 2), 1e-7f);
        assertThrows(ConfigException.class, () -> TextEmbedder.shortened(new float[] {3, 4}, 3));
        assertThrows(ConfigException.class, () -> TextEmbedder.cosine(new float[] {1}, new float[] {1, 2}));
    }

    /** Each lane has its share of a batch, the longest texts first, and the answers are in the order of the texts. */
    @Test
    void textsAreSharedOutOverTheLanes() throws IOException {
        List<String> texts = IntStream.range(0, 11)
                .mapToObj(i -> "the cat sat on the mat ".repeat(1 + i * 5 % 11).strip())
                .toList();
        List<Long> rows = Collections.synchronizedList(new ArrayList<>());
        try (Threads two = Threads.of(2);
                Tokenizer tokenizer = Tokenizer.open(folder);
                Model model = Models.open(
                        folder, ModelOptions.of(Task.SENTENCE_EMBEDDING).withPooling(Pooling.MEAN))) {
            List<float[]> vectors = new TextLogits(model, tokenizer, 64, 4).ofTexts(texts, some -> {
                rows.add(some.size(0));
                assertTrue(Lanes.inside());
                return IntStream.range(0, (int) some.size(0))
                        .mapToObj(i -> Tensors.toFloats(some.select(0, i)))
                        .toList();
            });
            assertEquals(List.of(1L, 2L, 2L, 2L, 2L, 2L), rows.stream().sorted().toList());
            for (int i = 0; i < texts.size(); i++) {
                assertArrayEquals(alone(texts.get(i), 64, Pooling.MEAN), vectors.get(i), 1e-5f, texts.get(i));
            }
        }
    }

    /** Nobody waits for a training, and what is said is the same to the last bit. */
    @Test
    @Timeout(60)
    void vectorsAreTheSameBesideTheLanesOfAnother() throws Exception {
        List<String> texts = IntStream.range(0, 11)
                .mapToObj(i -> "the cat sat on the mat ".repeat(1 + i * 5 % 11).strip())
                .toList();
        try (Threads two = Threads.of(2);
                Tokenizer tokenizer = Tokenizer.open(folder);
                Model model = Models.open(
                        folder, ModelOptions.of(Task.SENTENCE_EMBEDDING).withPooling(Pooling.MEAN))) {
            TextEmbedder embedder = new TextEmbedder(model, tokenizer, 64, 4, false);
            List<float[]> free = embedder.embed(texts);
            try (OthersLanes training = OthersLanes.begin()) {
                List<float[]> beside = embedder.embed(texts);
                for (int i = 0; i < texts.size(); i++) {
                    assertArrayEquals(free.get(i), beside.get(i), texts.get(i));
                }
            }
        }
    }
}
