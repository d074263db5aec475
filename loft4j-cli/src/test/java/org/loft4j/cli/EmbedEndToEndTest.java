package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.model.Models;
import org.loft4j.model.SentenceFiles;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class EmbedEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String BASE = Fixtures.of("stories260K").toString();

    @TempDir
    Path directory;

    @Test
    void vectorsAreLinesATensorOrASearch() throws IOException {
        Path rows = Files.writeString(directory.resolve("rows.csv"), "text\nthe big dog\na ball\nonce upon a time\n");
        List<float[]> lines = vectors("--model", BASE, "--data", rows.toString());
        assertEquals(3, lines.size());
        assertEquals(64, lines.get(0).length);
        assertArrayEquals(
                lines.get(1), vectors("--model", BASE, "--text", "a ball").get(0), 1e-5f);
        assertArrayEquals(
                lines.get(1),
                vectors("--model", BASE, "--text", "ball", "--prompt", "a ").get(0),
                1e-5f);
        float[] unit =
                vectors("--model", BASE, "--text", "a ball", "--normalize").get(0);
        double length = 0;
        for (float value : unit) {
            length += value * value;
        }
        assertEquals(1, length, 1e-5);

        Path tensor = directory.resolve("vectors.safetensors");
        told("embed", "--model", BASE, "--data", rows.toString(), "--output", tensor.toString());
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(tensor)) {
            float[] flat = Tensors.toFloats(file.read("embeddings"));
            assertEquals(3 * 64, flat.length);
            assertEquals(lines.get(2)[7], flat[2 * 64 + 7], 1e-5f);
        }
        Path written = directory.resolve("new").resolve("vectors.jsonl");
        told("embed", "--model", BASE, "--data", rows.toString(), "--output", written.toString());
        assertArrayEquals(lines.get(2), parsed(Files.readString(written)).get(2), 1e-5f);
        try (Stream<Path> left = Files.list(written.getParent())) {
            assertEquals(1, left.count());
        }

        String[] search = {"embed", "--model", BASE, "--data", rows.toString(), "--query", "a ball", "--top-k", "2"};
        String[] found = told(search).split("\n");
        assertEquals(2, found.length);
        assertEquals("1.0000\ta ball", found[0]);
        List<String> asJson = new ArrayList<>(List.of(search));
        asJson.add("--json");
        JsonNode tree = JSON.readTree(told(asJson.toArray(String[]::new)));
        assertEquals("a ball", tree.at("/queries/0/nearest/0/text").asText(), tree.toString());
        assertEquals("score", tree.at("/queries/0/nearest/0").fieldNames().next(), tree.toString());
        JsonNode whole = JSON.readTree(told("embed", "--model", BASE, "--text", "a", "--text", "b", "--json"));
        assertEquals(2, whole.get("embeddings").size());
    }

    @Test
    void anAdapterIsMergedIntoAModelOfSentenceTransformers() throws IOException {
        Path base = Fixtures.copy("stories260K", directory.resolve("base"));
        new SentenceFiles(Pooling.MEAN, false, 48, false, Map.of("query", "a "), null, "dot").write(base, 64);
        Path adapter = adapter(base, "FEATURE_EXTRACTION");
        String[] used = {"--model", base.toString(), "--adapter", adapter.toString()};
        float[] adapted = vectors(with(used, "--text", "a ball")).get(0);
        assertFalse(Math.abs(adapted[0]
                        - vectors("--model", base.toString(), "--text", "a ball")
                                .get(0)[0])
                < 1e-4);
        assertArrayEquals(
                adapted,
                vectors(with(used, "--text", "ball", "--prompt-name", "query")).get(0),
                1e-5f);
        refused(2, "prompt_name passage is not among", with(used, "--text", "a", "--prompt-name", "passage"));

        Path merged = directory.resolve("merged");
        String[] merge = with(new String[] {"merge"}, with(used, "--output", merged.toString()));
        told(merge);
        assertEquals(
                new SentenceFiles(Pooling.MEAN, false, 48, false, Map.of("query", "a "), null, "dot"),
                SentenceFiles.read(merged));
        JsonNode config = JSON.readTree(merged.resolve("config.json").toFile());
        assertEquals("LlamaModel", config.at("/architectures/0").asText());
        assertArrayEquals(
                adapted,
                vectors("--model", merged.toString(), "--text", "a ball").get(0),
                1e-4f);
        told(with(merge, "--overwrite"));

        Path combined = directory.resolve("combined");
        SentenceFiles ofAdapter = new SentenceFiles(Pooling.CLS, true, 32, false, Map.of(), null, "cosine");
        ofAdapter.write(adapter, 64);
        // modules may lie in folders of any name
        Path modules = adapter.resolve("modules.json");
        Files.writeString(modules, Files.readString(modules).replace("1_Pooling", "pooling"));
        Files.move(adapter.resolve("1_Pooling"), adapter.resolve("pooling"));
        told(
                "adapters",
                "combine",
                "--adapter",
                adapter + "=1",
                "--adapter",
                adapter + "=1",
                "--how",
                "cat",
                "--output",
                combined.toString());
        assertEquals(ofAdapter, SentenceFiles.read(combined));
        assertTrue(Files.readString(combined.resolve(PeftFiles.CONFIG)).contains("FEATURE_EXTRACTION"));
        assertEquals(
                64,
                vectors("--model", base.toString(), "--adapter", combined.toString(), "--text", "a")
                        .get(0)
                        .length);
        SentenceFiles.delete(adapter);

        Captured doctor = Captured.loft("doctor", merged.toString());
        assertTrue(doctor.out().contains("SentenceTransformer(\"" + merged + "\")"), doctor.out() + doctor.err());
        assertFalse(doctor.out().contains("eos_token"), doctor.out());
        Captured examined = Captured.loft("doctor", adapter.toString(), "--model", base.toString());
        assertEquals(0, examined.status(), examined.out() + examined.err());

        Path file = directory.resolve("model.gguf");
        for (String[] export : List.of(used, new String[] {"--model", merged.toString()})) {
            String[] call = {"export", "--to", "gguf", "--overwrite", "--dtype", "f32", "--output", file.toString()};
            String told = told(with(call, export));
            assertTrue(told.contains("llama, "), told);
            assertTrue(told.contains("puts no prompt before a text"), told);
            assertTrue(Files.size(file) > 1_000_000);
        }
        assertTrue(doctor.out().contains("loft export --to gguf"), doctor.out());
    }

    @Test
    void otherVerbsPointHereAndOtherModelsAreRefused() throws IOException {
        Path base = Fixtures.copy("stories260K", directory.resolve("base"));
        Path adapter = adapter(base, "FEATURE_EXTRACTION");
        String[] used = {"--adapter", adapter.toString(), "--text", "a"};
        for (String verb : List.of("predict", "generate")) {
            Captured refused = Captured.loft(with(new String[] {verb}, used));
            assertFalse(refused.status() == 0, refused.out());
            assertTrue(refused.err().contains("loft embed"), refused.err());
        }
        Path other = Fixtures.of("llama_gqa");
        refused(
                1,
                "is for causal-lm, and makes no vectors",
                "--model",
                BASE,
                "--adapter",
                other.resolve("adapter").toString(),
                "--text",
                "a");
        refused(2, "--prompt and --prompt-name", with(used, "--prompt", "a", "--prompt-name", "b"));
        refused(2, "is a folder", with(used, "--output", directory.toString()));
        Path pairs = Files.writeString(directory.resolve("pairs.csv"), "text,text_pair\na b,c d\n");
        refused(2, "exists already", with(used, "--output", pairs.toString()));
        refused(1, "line 2: holds a pair of texts", "--model", BASE, "--data", pairs.toString());
        refused(2, "pooling pooler", "--model", BASE, "--text", "a", "--pooling", "pooler");
        Captured told = Captured.loft("embed", "--model", sentences().toString(), "--text", "a", "--pooling", "cls");
        assertEquals(0, told.status(), told.err());
        assertTrue(
                told.err().contains("pooling cls is asked for, and the files beside the model say mean"), told.err());
        Captured silent = Captured.loft("embed", "--model", BASE, "--text", "a");
        assertTrue(silent.err().contains("they are by pooling last (--pooling)"), silent.err());
    }

    @Test
    void rowsThatCannotBeUsedMayBeLeftOut() throws IOException {
        Path rows = Files.writeString(
                directory.resolve("rows.jsonl"), "{\"text\": \"a b\"}\n{\"text\": 3}\n{\"text\": \"c d\"}\n");
        Path file = directory.resolve("vectors.jsonl");
        String[] call = {"embed", "--model", BASE, "--data", rows.toString(), "--output", file.toString()};
        Captured refused = Captured.loft(call);
        assertEquals(1, refused.status(), refused.out());
        assertTrue(refused.err().contains("line 2"), refused.err());
        assertFalse(Files.exists(file));
        Captured without = Captured.loft(with(call, "--skip-faulty-rows"));
        assertEquals(0, without.status(), without.err());
        assertEquals(2, Files.readAllLines(file).size());
        assertTrue(without.err().contains("loft: 1 row is left out (--skip-faulty-rows):\n  "), without.err());
        Files.delete(file);
        Files.writeString(rows, "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n");
        Captured none = Captured.loft(with(call, "--skip-faulty-rows"));
        assertEquals(1, none.status(), none.err());
        assertTrue(none.err().contains("line 1: is a conversation, and a vector is made of one text"), none.err());
        assertFalse(Files.exists(file));
    }

    private Path sentences() throws IOException {
        Path base = Fixtures.copy("stories260K", directory.resolve("sentences"));
        new SentenceFiles(Pooling.MEAN, true, 0, false, Map.of(), null, null).write(base, 64);
        return base;
    }

    /** Vectors of an OPT that ends narrower than it is inside. */
    @Test
    void theSizeOfMergedVectorsIsThatOfTheLastStates() throws IOException {
        Path base = Fixtures.copy("opt_post", directory.resolve("base"));
        Files.copy(Fixtures.of("tiny_wordpiece").resolve("tokenizer.json"), base.resolve("tokenizer.json"));
        String adapter = adapter(base, "FEATURE_EXTRACTION").toString();
        Path merged = directory.resolve("merged");
        told("merge", "--model", base.toString(), "--adapter", adapter, "--output", merged.toString());
        JsonNode pooling = JSON.readTree(merged.resolve("1_Pooling/config.json").toFile());
        assertEquals(16, pooling.get("word_embedding_dimension").asInt(), pooling.toString());
    }

    private Path adapter(Path base, String task) throws IOException {
        Path adapter = directory.resolve("adapter");
        try (Model model = Models.open(base, ModelOptions.of(Task.SENTENCE_EMBEDDING));
                LoraAdapter lora = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 3)) {
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                lora.layers().values().forEach(layer -> layer.loraB().fill_(new Scalar(0.05)));
            }
            PeftFiles.save(adapter, lora, model, new PeftMetadata(base.toString(), null));
        }
        assertTrue(Files.readString(adapter.resolve(PeftFiles.CONFIG)).contains(task));
        return adapter;
    }

    @Test
    void whatCannotBeWrittenIsRefusedBeforeTheTextsAreRead() throws IOException {
        String[] call = {"--model", BASE, "--text", "a"};
        Path dangling = Files.createSymbolicLink(directory.resolve("link.jsonl"), directory.resolve("nowhere.jsonl"));
        refused(2, "is no file, but a link or a device", with(call, "--output", dangling.toString()));
        assertTrue(Files.isSymbolicLink(dangling));
        Path file = Files.writeString(directory.resolve("file"), "");
        String below = file.resolve("vectors.safetensors").toString();
        refused(2, "cannot be made: " + file + " is no folder", with(call, "--output", below));
        refused(2, "is a folder: name a file in it", with(call, "--output", directory.resolve("new") + "/"));
        refused(2, "--top-k is of a --query, and there is none", with(call, "--top-k", "3"));

        Path upper = directory.resolve("vectors.SAFETENSORS");
        told(with(new String[] {"embed"}, with(call, "--output", upper.toString())));
        try (SafetensorsFile tensors = SafetensorsFile.open(upper)) {
            assertEquals(64, tensors.info("embeddings").shape()[1]);
        }
    }

    /** Where the training wrote to is not where vectors go, and its prompts are of searches alone. */
    @Test
    void theSettingsOfATrainingServe() throws IOException {
        Path settings = Files.writeString(
                directory.resolve("config.yaml"),
                "model_name_or_path: " + BASE + "\noutput_dir: " + directory.resolve("run")
                        + "\nquery_prompt: 'query: '\n");
        assertEquals(1, vectors("--config", settings.toString(), "--text", "a").size());
        assertFalse(Files.exists(directory.resolve("run")));
    }

    private static String[] with(String[] words, String... more) {
        return Stream.concat(Stream.of(words), Stream.of(more)).toArray(String[]::new);
    }

    private static String told(String... call) {
        Captured captured = Captured.loft(call);
        assertEquals(0, captured.status(), captured.err());
        return captured.out();
    }

    private static void refused(int status, String part, String... call) {
        Captured captured = Captured.loft(with(new String[] {"embed"}, call));
        assertEquals(status, captured.status(), captured.err());
        assertTrue(captured.err().contains(part), captured.err());
    }

    private static List<float[]> vectors(String... call) throws IOException {
        return parsed(told(with(new String[] {"embed"}, call)));
    }

    private static List<float[]> parsed(String lines) throws IOException {
        List<float[]> vectors = new ArrayList<>();
        for (String line : lines.split("\n")) {
            vectors.add(JSON.convertValue(JSON.readTree(line).get("embedding"), float[].class));
        }
        return vectors;
    }
}
