package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.cli.CompareCalls.finished;
import static org.loft4j.cli.CompareCalls.summary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A whole comparison on a small model: its table, its files, and what a stop in the middle does to them. {@link CompareRefusalsEndToEndTest}
 * has what is refused.
 */
class CompareEndToEndTest {
    private static final long TIMEOUT_SECONDS = 120;

    @TempDir
    Path directory;

    private CompareCalls calls;

    @BeforeEach
    void makeTheTask() throws IOException {
        calls = CompareCalls.in(directory);
    }

    /** The rows of a table without what time and memory they took. */
    private static List<JsonNode> figures(JsonNode rows) {
        List<JsonNode> figures = new ArrayList<>();
        for (JsonNode row : rows) {
            ObjectNode kept = row.deepCopy();
            kept.remove(List.of("seconds", "seconds_sd", "wall_seconds", "tokens_per_second", "peak_resident_bytes"));
            figures.add(kept);
        }
        return figures;
    }

    @Test
    void theTableTheFilesTheSecondCallAndOneAfterAKill() throws Exception {
        Path output = directory.resolve("compared");
        Captured called = Captured.loft(calls.call(output, "--json"));
        assertEquals(0, called.status(), called.err());
        assertTrue(called.err().contains("loft: the test data are the validation data, which choose"), called.err());
        JsonNode summary = new ObjectMapper().readTree(called.out());
        assertEquals(5, summary.get("standings").size());
        assertEquals(15, summary.get("runs").size());
        JsonNode first = summary.at("/standings/0");
        assertEquals("full", first.get("method").asText());
        assertTrue(first.get("to_full").isNull());
        for (JsonNode standing : summary.get("standings")) {
            assertEquals("0 1", standing.get("seeds").asText());
            assertEquals(0, standing.get("failed_runs").asInt());
            assertTrue(standing.get("test_accuracy").asDouble() > 0, standing.toString());
            assertTrue(standing.get("tokens_per_second").asDouble() > 0, standing.toString());
        }
        assertEquals(2, summary.at("/standings/1/to_full_pairs").asInt());

        assertEquals(16, Files.readAllLines(output.resolve("runs.csv")).size());
        assertEquals(6, Files.readAllLines(output.resolve("summary.csv")).size());
        String page = Files.readString(output.resolve("summary.html"));
        assertEquals(3, page.split("<img ", -1).length - 1, "pictures");
        assertFalse(page.contains("src=\"http"), "the page needs something from elsewhere");
        assertTrue(page.contains("per_device_train_batch_size"), "the settings are missing");
        for (String picture : new String[] {"ranks.png", "learning-rates.png", "learning-curves.png"}) {
            assertTrue(Files.size(output.resolve(picture)) > 1000, picture);
        }

        Map<String, FileTime> before = finished(output);
        assertEquals(15, before.size());
        Captured again = Captured.loft(calls.call(output));
        assertEquals(0, again.status(), again.err());
        assertEquals(before, finished(output), "a finished run was run again");
        assertTrue(again.out().startsWith(Files.readString(output.resolve("summary.txt"))), again.out());
        assertTrue(again.out().contains("LoFT"), again.out());
        Captured report = Captured.loft("compare", "--output", output.toString(), "--report-only");
        assertEquals(again.out(), report.out());
        anotherViewOf(output);

        String settings = Files.readString(output.resolve("config.yaml"));
        List<String> changed = List.of("--methods", "dora", "--ranks", "1", "--batch-size", "4");
        Captured other = Captured.loft(calls.callOf(output, changed));
        assertEquals(2, other.status(), "another method at other settings would stand in the same table");
        assertEquals(settings, Files.readString(output.resolve("config.yaml")));
        assertTrue(other.err().contains("per_device_train_batch_size was 8 and is now 4"), other.err());
        killedInTheMiddleItRepeatsNothingAndEndsInTheSameTable(summary);
    }

    /** Which leaves what the directory says of itself. */
    private static void anotherViewOf(Path output) throws IOException {
        String rule = Files.readString(output.resolve("comparison.json"));
        JsonNode view = summary(
                "compare", "--output", output.toString(), "--report-only", "--metric", "loss", "--baseline", "lora");
        assertEquals("loss", view.get("metric").asText());
        assertEquals("lora", view.get("baseline").asText());
        for (JsonNode standing : view.get("standings")) {
            assertEquals(
                    standing.get("method").asText().equals("loft") ? 2 : 0,
                    standing.get("to_lora_pairs").asInt());
        }
        assertTrue(Files.readString(output.resolve("summary.md")).startsWith("| method | rank | test loss | "));
        assertEquals(rule, Files.readString(output.resolve("comparison.json")));
        Captured metric =
                Captured.loft("compare", "--output", output.toString(), "--report-only", "--metric", "perplexity");
        assertEquals(2, metric.status());
        assertTrue(
                metric.err()
                        .contains("metric must be one of accuracy, f1, loss, macro_f1, matthews, precision, recall"),
                metric.err());
        Captured idle = Captured.loft(
                "compare", "--output", output.toString(), "--report-only", "--methods", "dora", "--seeds", "3");
        assertEquals(2, idle.status());
        assertTrue(idle.err().contains("leave out --methods, --seeds"), idle.err());
        String settings = output.resolve("config.yaml").toString();
        assertEquals(
                0,
                Captured.loft("compare", "--config", settings, "--report-only").status(),
                "meant for the runs");
    }

    private void killedInTheMiddleItRepeatsNothingAndEndsInTheSameTable(JsonNode expected) throws Exception {
        Path killed = directory.resolve("killed");
        Process process = start(calls.call(killed));
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (finished(killed).size() < 4) {
            assertTrue(process.isAlive() && System.nanoTime() < deadline, () -> "no four runs: " + log());
            Thread.sleep(2);
        }
        process.destroyForcibly();
        assertTrue(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
        Map<String, FileTime> before = finished(killed);
        assertTrue(before.size() < 15, "nothing was left to do after the kill");

        JsonNode actual = summary(calls.call(killed));
        Map<String, FileTime> after = finished(killed);
        before.forEach((run, time) -> assertEquals(time, after.get(run), run + " was run again"));
        assertEquals(figures(expected.get("standings")), figures(actual.get("standings")));
        assertEquals(figures(expected.get("runs")), figures(actual.get("runs")));
    }

    private Process start(String... call) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"));
        command.addAll(List.of("-Djava.awt.headless=true", "-cp", System.getProperty("java.class.path")));
        command.add(Loft.class.getName());
        command.addAll(Arrays.asList(call));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("OMP_WAIT_POLICY", "passive");
        builder.redirectErrorStream(true)
                .redirectOutput(directory.resolve("child.log").toFile());
        return builder.start();
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("child.log"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    @Test
    void aRunThatDivergesIsSaidToHaveFailed() throws IOException {
        Path output = directory.resolve("diverged");
        JsonNode summary = summary(calls.callOf(
                output, List.of("--methods", "loft-sgd", "--ranks", "2", "--learning-rates", "1e-3,1e30")));
        assertEquals(3, summary.get("runs").size());
        assertEquals(1e-3, summary.at("/standings/0/learning_rate").asDouble());
        long failures = 0;
        for (JsonNode run : summary.get("runs")) {
            failures += run.get("failure").isNull() ? 0 : 1;
        }
        assertEquals(1, failures, summary.get("runs").toString());
    }

    @Test
    void whatIsRecordedOfAnAdapterIsWhatWasTrained() throws IOException {
        Path output = directory.resolve("compared");
        List<String> compared = List.of("--methods", "rslora,lora:rslora,lora", "--ranks", "2", "--keep-weights");
        Captured call = Captured.loft(calls.callOf(output, compared));
        assertEquals(0, call.status(), call.err());
        ObjectMapper json = new ObjectMapper();
        int tried = 0;
        for (String run : finished(output).keySet()) {
            Path place = output.resolve("runs").resolve(run);
            JsonNode recorded =
                    json.readTree(place.resolve("result.json").toFile()).get("settings");
            JsonNode adapter;
            try (Stream<Path> files = Files.walk(place)) {
                adapter = json.readTree(files.filter(file -> file.endsWith("adapter_config.json"))
                        .findFirst()
                        .orElseThrow()
                        .toFile());
            }
            assertEquals(run.contains("rslora"), recorded.get("use_rslora").asBoolean(), run);
            assertEquals(
                    run.contains("rslora") ? 8 : 4, recorded.get("lora_alpha").asDouble(), run);
            assertEquals(adapter.get("use_rslora"), recorded.get("use_rslora"), run);
            assertEquals(
                    adapter.get("lora_alpha").asDouble(),
                    recorded.get("lora_alpha").asDouble(),
                    run);
            tried++;
        }
        assertEquals(6, tried);
    }
}
