package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** A model that sees images is handled as the language model that it holds, and handed over as what it was. */
class VisionTowerEndToEndTest {
    private static final List<String> BESIDE = List.of(
            "preprocessor_config.json",
            "processor_config.json",
            "video_preprocessor_config.json",
            "generation_config.json",
            "chat_template.json");

    @TempDir
    Path folder;

    private Path model;
    private Path run;

    @BeforeEach
    void trained() throws IOException {
        model = Fixtures.copy("gemma3", folder.resolve("model"));
        run = folder.resolve("run");
        Files.copy(Fixtures.of("tiny_unigram").resolve("tokenizer.json"), model.resolve("tokenizer.json"));
        for (String file : BESIDE) {
            Files.writeString(model.resolve(file), "{\"of\": \"" + file + "\"}");
        }
        Path data = Files.writeString(folder.resolve("texts.txt"), "a b c\nb c a\nc a b\n");
        Captured call = Captured.loft(
                "train",
                "--model",
                text(model),
                "--data",
                text(data),
                "--rank",
                "2",
                "--max-steps",
                "2",
                "--output",
                text(run));
        assertEquals(0, call.status(), call.err());
        assertTrue(call.err().contains("of the language model, without the vision tower, 3 rows"), call.err());
    }

    @Test
    void aMergeKeepsWhatTheClassNeeds() throws IOException {
        Path merged = folder.resolve("merged");
        Captured call =
                Captured.loft("merge", "--model", text(model), "--adapter", text(run), "--output", text(merged));
        assertEquals(0, call.status(), call.err());
        for (String file : BESIDE) {
            assertArrayEquals(Files.readAllBytes(model.resolve(file)), Files.readAllBytes(merged.resolve(file)), file);
        }
        ObjectMapper json = new ObjectMapper();
        JsonNode config = json.readTree(merged.resolve("config.json").toFile());
        assertEquals(json.readTree(model.resolve("config.json").toFile()), config);
        assertEquals(0, Captured.loft("doctor", text(merged)).status());
    }

    @Test
    void theShareOfAnAdapterIsThatOfTheLanguageModel() throws IOException {
        Captured call = Captured.loft("inspect", "--json", text(run), "--model", text(model));
        JsonNode tree = new ObjectMapper().readTree(call.out());
        try (Model opened = Models.open(model, ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals(
                    opened.weights().elements(), tree.get("base_parameters").asLong());
        }
        call = Captured.loft("inspect", text(model));
        assertTrue(call.out().contains("hidden_size: 32"), call.out());
    }

    @Test
    void whatIsNotLoadedIsTold() throws IOException {
        JsonNode tree = new ObjectMapper()
                .readTree(Captured.loft("inspect", "--json", text(model)).out());
        long whole = tree.get("elements").asLong();
        long beside = tree.get("not_loaded_elements").asLong();
        try (Model opened = Models.open(model, ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals(whole - opened.weights().elements(), beside);
        }
        assertTrue(beside > 0 && beside < whole, beside + " of " + whole);
        assertEquals(4 * beside, tree.get("not_loaded_bytes").asLong());
        String told = "not loaded, beside the language model: " + Quantities.count(beside) + " elements, "
                + Quantities.percent(beside, whole) + ", " + Quantities.bytes(4 * beside);
        Captured call = Captured.loft("inspect", text(model));
        assertTrue(call.out().contains(told), call.out());
    }

    private static String text(Path path) {
        return path.toString();
    }
}
