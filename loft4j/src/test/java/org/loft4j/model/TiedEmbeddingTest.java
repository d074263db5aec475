package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Files that hold an output embedding beside the input embedding that is to be both. */
class TiedEmbeddingTest {
    private static final ModelOptions LANGUAGE_MODEL = ModelOptions.of(Task.CAUSAL_LM);

    @TempDir
    Path folder;

    /** GPT-2's config.json is silent on it; with bare names as a base model's file has them. */
    @ParameterizedTest
    @CsvSource({
        "llama3_rope_tied, model.embed_tokens.weight, ''",
        "qwen3, model.embed_tokens.weight, model.",
        "starcoder2, model.embed_tokens.weight, ''",
        "gpt_neo, transformer.wte.weight, transformer.",
        "gpt2, transformer.wte.weight, ''",
        "opt, model.decoder.embed_tokens.weight, ''",
        "opt, model.decoder.embed_tokens.weight, model.",
        "gpt2, transformer.wte.weight, transformer."
    })
    void anOutputEmbeddingOfItsOwnIsNotDropped(String name, String embedding, String without) throws Exception {
        Path base = Fixture.directory(name);
        Path copy = withHead(base, embedding, without, 1);
        Path other = withHead(base, embedding, without, 2);
        assertArrayEquals(logits(base), logits(copy));
        String fault = assertThrows(CheckpointException.class, () -> Models.open(other, LANGUAGE_MODEL))
                .getMessage();
        String disk = embedding.substring(without.length());
        assertTrue(fault.contains(other + ": lm_head.weight is not " + disk + ", although"), fault);
        ModelOptions classifier = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("no", "yes"));
        Models.open(other, classifier).close();
        var json = Json.read(other.resolve("config.json")).toTree().put("tie_word_embeddings", false);
        Json.write(other.resolve("config.json"), json);
        double[] doubled = logits(base);
        for (int i = 0; i < doubled.length; i++) {
            doubled[i] *= 2;
        }
        assertArrayEquals(doubled, logits(other), "the head that the file holds");
    }

    /** As safetensors' own save_model writes them: of two names for a tensor it keeps the first by the alphabet. */
    @ParameterizedTest
    @CsvSource({
        "llama3_rope_tied, model.embed_tokens.weight",
        "gpt2, transformer.wte.weight",
        "opt, model.decoder.embed_tokens.weight",
    })
    void anOutputEmbeddingAloneIsTheInputEmbeddingToo(String name, String embedding) throws Exception {
        Path base = Fixture.directory(name);
        Path alone = Files.createTempDirectory(folder, "model");
        Files.copy(base.resolve("config.json"), alone.resolve("config.json"));
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(base)) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String each : source.names()) {
                Tensor half = source.read(each).to(Dtype.BF16.scalarType());
                tensors.put(each.equals(embedding) ? "lm_head.weight" : each, half);
            }
            SafetensorsWriter.write(alone.resolve("model.safetensors"), tensors, Map.of());
            tensors.put(embedding, tensors.remove("lm_head.weight"));
            Path plain = Files.createTempDirectory(folder, "model");
            Files.copy(base.resolve("config.json"), plain.resolve("config.json"));
            SafetensorsWriter.write(plain.resolve("model.safetensors"), tensors, Map.of());
            assertArrayEquals(logits(plain), logits(alone));
        }
        ModelOptions classifier = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("no", "yes"));
        Models.open(alone, classifier).close();
        Models.check(alone);
        try (Model outline = Models.outline(alone, LANGUAGE_MODEL)) {
            assertEquals(Dtype.BF16, outline.description().dtype());
        }
        var json = Json.read(alone.resolve("config.json")).toTree().put("tie_word_embeddings", false);
        Json.write(alone.resolve("config.json"), json);
        String fault = assertThrows(CheckpointException.class, () -> Models.open(alone, LANGUAGE_MODEL))
                .getMessage();
        assertTrue(fault.contains("are missing: " + embedding), fault);
    }

    /** A copy of the directory with a multiple of the embedding as head; names lose a prefix. */
    private Path withHead(Path from, String embedding, String without, double factor) throws Exception {
        Path to = Files.createTempDirectory(folder, "model");
        Files.copy(from.resolve("config.json"), to.resolve("config.json"));
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(from)) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : source.names()) {
                tensors.put(name.substring(without.length()), source.read(name));
            }
            tensors.put("lm_head.weight", source.read(embedding).mul(new Scalar(factor)));
            SafetensorsWriter.write(to.resolve("model.safetensors"), tensors, Map.of());
        }
        return to;
    }

    private static double[] logits(Path directory) throws Exception {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(directory, LANGUAGE_MODEL)) {
            Tensor ids = Tensors.of(new long[] {1, 5, 9, 13}, 1, 4);
            return Tensors.toDoubles(model.logits(new TokenInput(ids, null)));
        }
    }
}
