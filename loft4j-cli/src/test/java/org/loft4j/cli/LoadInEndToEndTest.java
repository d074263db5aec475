package org.loft4j.cli;

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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run on a base in 4 bits, from its start to the adapter on the base as it was. */
class LoadInEndToEndTest {
    @TempDir
    Path directory;

    private Path model;
    private Path data;
    private Path run;

    @BeforeEach
    void prepare() throws IOException {
        model = TinyModels.encoder(directory.resolve("model"));
        data = TinyModels.colours(directory.resolve("data.csv"), 64);
        run = directory.resolve("run");
    }

    private Captured train(String... more) {
        List<String> arguments = new ArrayList<>(List.of(
                "train",
                "--model",
                model.toString(),
                "--data",
                data.toString(),
                "--output",
                run.toString(),
                "--rank",
                "2",
                "--epochs",
                "10",
                "--batch-size",
                "16",
                "--learning-rate",
                "0.01"));
        arguments.addAll(List.of(more));
        return Captured.loft(arguments.toArray(String[]::new));
    }

    private static JsonNode json(Captured captured) throws IOException {
        assertEquals(0, captured.status(), captured.err());
        return new ObjectMapper().readTree(captured.out());
    }

    private JsonNode eval(String... more) throws IOException {
        List<String> arguments =
                new ArrayList<>(List.of("eval", "--adapter", run.toString(), "--data", data.toString(), "--json"));
        arguments.addAll(List.of(more));
        return json(Captured.loft(arguments.toArray(String[]::new)));
    }

    @Test
    void trainJudgeAndMerge() throws IOException {
        JsonNode result = json(train("--load-in", "4bit", "--json"));
        assertEquals("finished", result.get("outcome").asText());
        JsonNode few = eval("--load-in", "4bit");
        assertTrue(few.get("accuracy").asDouble() > 0.95, few.toString());
        JsonNode other = eval("--load-in", "8bit");
        assertTrue(few.get("loss").asDouble() != other.get("loss").asDouble(), "--load-in changes nothing");

        Path settings = run.resolve(TrainCommand.SETTINGS);
        assertTrue(Files.readString(settings).contains("load_in: 4bit"), Files.readString(settings));
        assertFalse(Files.readString(run.resolve("adapter_config.json")).contains("4bit"));
        assertTrue(Files.readString(run.resolve("README.md")).contains("| base model kept in | 4bit |"));

        Captured again = Captured.loft("train", "--config", settings.toString(), "--resume");
        assertEquals(0, again.status(), again.err());
        assertTrue(again.out().contains("--adapter " + run + " --load-in 4bit --text "), again.out());
        assertTrue(again.out().contains("is finished"), again.out());

        Path merged = directory.resolve("merged");
        Captured merge = Captured.loft("merge", "--adapter", run.toString(), "--output", merged.toString());
        assertEquals(0, merge.status(), merge.err());
        JsonNode full = eval();
        JsonNode after = json(Captured.loft("eval", "--model", merged.toString(), "--data", data.toString(), "--json"));
        assertEquals(full.get("loss").asDouble(), after.get("loss").asDouble(), 1e-5);
    }

    @Test
    void badCallsAreRefusedBeforeAnythingIsRead() {
        Captured full = train("--method", "full", "--load-in", "8bit");
        assertEquals(2, full.status());
        assertTrue(full.err().contains("--load-in 8bit freezes the model, and method full trains it"), full.err());
        Captured bits = train("--load-in", "3bit");
        assertEquals(2, bits.status());
        assertTrue(bits.err().contains("load_in must be one of full, 8bit, 4bit, got 3bit"), bits.err());
        assertFalse(Files.exists(run));
    }
}
