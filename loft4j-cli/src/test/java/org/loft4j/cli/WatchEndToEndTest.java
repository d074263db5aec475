package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a training leaves to be looked at. */
class WatchEndToEndTest {
    private static final String PROMPT = "Once upon a time, there was";

    @TempDir
    Path folder;

    private List<JsonNode> samples() throws IOException {
        List<JsonNode> samples = new ArrayList<>();
        for (String line : Files.readAllLines(folder.resolve("run/samples.jsonl"))) {
            samples.add(new ObjectMapper().readTree(line));
        }
        return samples;
    }

    @Test
    void samplesAreMadeBeforeTheFirstStepAndAfterEachEvaluation() throws IOException {
        Path data = Files.writeString(
                folder.resolve("tales.jsonl"),
                IntStream.range(0, 40)
                        .mapToObj(i -> "{\"text\": \"Once upon a time, there was a pirate, Tom " + i + ".\"}\n")
                        .collect(Collectors.joining()));
        Captured call = Captured.loft(
                "train",
                "--model",
                Fixtures.of("stories260K").toString(),
                "--data",
                data.toString(),
                "--eval-share",
                "0.2",
                "--sample-prompt",
                PROMPT,
                "--sample-prompt",
                "One day",
                "--sample-tokens",
                "8",
                "--learning-rate",
                "5e-3",
                "--eval-steps",
                "3",
                "--max-steps",
                "6",
                "--ui",
                "--output",
                folder.resolve("run").toString());
        assertEquals(0, call.status(), call.err());
        assertTrue(call.err().contains("loft: watch at http://127.0.0.1:"), call.err());
        List<JsonNode> samples = samples();
        assertEquals(
                List.of(0, 0, 3, 3, 6, 6),
                samples.stream().map(line -> line.get("step").asInt()).toList());
        assertEquals(PROMPT, samples.get(4).get("prompt").asText());
        assertNotEquals(samples.get(0).get("text"), samples.get(4).get("text"));
        String report = Files.readString(folder.resolve("run/report.html"));
        assertTrue(report.contains("\"status\":\"finished\""), "the report is that of a run which is over");

        // the settings are read back with the prompts whole
        Captured again = Captured.loft(
                "train", "--config", folder.resolve("run/config.yaml").toString(), "--overwrite");
        assertEquals(0, again.status(), again.err());
        assertTrue(!again.err().contains("watch at"), again.err());
        assertEquals(samples, samples());
    }

    @Test
    void settingsThatCannotBeAreRefused() {
        Captured call = Captured.loft(
                "train",
                "--model",
                "m",
                "--output",
                "o",
                "--ui",
                "70000",
                "--sample-tokens",
                "0",
                "--diagnostics-steps",
                "-1");
        assertEquals(2, call.status());
        assertTrue(call.err().contains("ui must be a port from 0 to 65535, got 70000"), call.err());
        assertTrue(call.err().contains("sample_tokens must be at least 1, got 0"), call.err());
        assertTrue(call.err().contains("diagnostics_steps must be at least 0, got -1"), call.err());
        Captured page = Captured.loft("ui", folder.resolve("nowhere").toString(), "--port", "-1");
        assertEquals(2, page.status());
        assertTrue(page.err().contains("nowhere: there is no such directory"), page.err());
        assertTrue(page.err().contains("port must be a port from 0 to 65535, got -1"), page.err());
    }
}
