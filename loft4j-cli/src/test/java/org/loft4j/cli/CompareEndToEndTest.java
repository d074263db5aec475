package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A whole comparison on a small model: its table, its files, and what a stop in the middle does to them. */
class CompareEndToEndTest {
    private static final int STEPS = 6;
    private static final long TIMEOUT_SECONDS = 120;

    @TempDir
    Path directory;

    private Path model;
    private Path rows;

    @BeforeEach
    void makeTheTask() throws IOException {
        model = TinyModels.encoder(directory.resolve("model"));
        rows = TinyModels.colours(directory.resolve("rows.csv"), 40);
    }

    /** Full fine-tuning, LoFT and LoRA at two ranks, two rates, two seeds of which one sweeps: 3 + 6 + 6 runs. */
    private String[] call(Path output, String... more) {
        List<String> call = new ArrayList<>(
                List.of("--methods", "loft,lora,full", "--ranks", "1,2", "--learning-rates", "1e-3,1e-2"));
        call.addAll(Arrays.asList(more));
        return callOf(output, call);
    }

    private String[] callOf(Path output, List<String> compared) {
        List<String> call = new ArrayList<>(List.of("compare", "--model", model.toString()));
        for (String option : new String[] {"--data", "--eval-data", "--test-data"}) {
            call.addAll(List.of(option, rows.toString()));
        }
        call.addAll(List.of("--seeds", "0,1", "--max-steps", String.valueOf(STEPS), "--eval-steps", "3"));
        call.addAll(List.of("--output", output.toString()));
        call.addAll(compared);
        return call.toArray(String[]::new);
    }

    private static JsonNode summary(String... call) throws IOException {
        List<String> json = new ArrayList<>(Arrays.asList(call));
        json.add("--json");
        Captured captured = Captured.loft(json.toArray(String[]::new));
        assertEquals(0, captured.status(), captured.err());
        return new ObjectMapper().readTree(captured.out());
    }

    /** When each finished run was finished. */
    private static Map<String, FileTime> finished(Path output) throws IOException {
        Map<String, FileTime> times = new TreeMap<>();
        if (Files.isDirectory(output.resolve("runs"))) {
            try (Stream<Path> runs = Files.list(output.resolve("runs"))) {
                for (Path run : runs.toList()) {
                    Path result = run.resolve("result.json");
                    if (Files.exists(result)) {
                        times.put(run.getFileName().toString(), Files.getLastModifiedTime(result));
                    }
                }
            }
        }
        return times;
    }

    /** The rows of a table without what time and memory they took. */
    private static List<JsonNode> figures(JsonNode rows) {
        List<JsonNode> figures = new ArrayList<>();
        for (JsonNode row : rows) {
            ObjectNode kept = row.deepCopy();
            kept.remove(List.of("seconds", "wall_seconds", "tokens_per_second", "peak_resident_bytes"));
            figures.add(kept);
        }
        return figures;
    }

    @Test
    void theTableTheFilesTheSecondCallAndOneAfterAKill() throws Exception {
        Path output = directory.resolve("compared");
        Captured called = Captured.loft(call(output, "--json"));
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
        Captured again = Captured.loft(call(output));
        assertEquals(0, again.status(), again.err());
        assertEquals(before, finished(output), "a finished run was run again");
        assertTrue(again.out().startsWith(Files.readString(output.resolve("summary.txt"))), again.out());
        assertTrue(again.out().contains("LoFT"), again.out());
        Captured report = Captured.loft("compare", "--output", output.toString(), "--report-only");
        assertEquals(again.out(), report.out());
        anotherViewOf(output);

        String settings = Files.readString(output.resolve("config.yaml"));
        List<String> changed = List.of("--methods", "dora", "--ranks", "1", "--batch-size", "4");
        Captured other = Captured.loft(callOf(output, changed));
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
        Process process = start(call(killed));
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (finished(killed).size() < 4) {
            assertTrue(process.isAlive() && System.nanoTime() < deadline, () -> "no four runs: " + log());
            Thread.sleep(2);
        }
        process.destroyForcibly();
        assertTrue(process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS));
        Map<String, FileTime> before = finished(killed);
        assertTrue(before.size() < 15, "nothing was left to do after the kill");

        JsonNode actual = summary(call(killed));
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
    void labelsByWhichRunsWouldShareADirectoryOrATitleAreRefused() {
        Path output = directory.resolve("shared");
        Captured call = Captured.loft(callOf(output, List.of("--methods", "full:label=lora-4,lora", "--ranks", "4")));
        assertEquals(2, call.status());
        assertTrue(
                call.err()
                        .contains("methods: full:label=lora-4 and lora:label=LoRA at rank 4 would share the directories"
                                + " lora-4-…: give one of them another label"),
                call.err());
        Captured title = Captured.loft(callOf(output, List.of("--methods", "lora-plus,lora:label=LoRA+")));
        assertEquals(2, title.status());
        assertTrue(
                title.err()
                        .contains(
                                "methods: lora-plus:label=LoRA+ and lora:label=LoRA+ would have one title in the table:"
                                        + " give one of them another label"),
                title.err());
        assertFalse(Files.exists(output));
    }

    @Test
    void everythingThatIsWrongIsSaidBeforeAnythingIsRead() {
        Path output = directory.resolve("refused");
        Captured captured = Captured.loft(call(output, "--methods", "loft,lora:alfa=3", "--metric", "speed"));
        assertEquals(2, captured.status());
        assertTrue(captured.err().contains("unknown option alfa; known are label, alpha"), captured.err());
        assertFalse(Files.exists(output));
        Captured metric = Captured.loft(call(output, "--metric", "perplexity"));
        assertEquals(2, metric.status());
        assertTrue(
                metric.err()
                        .contains("loss, accuracy, macro_f1, matthews, precision, recall, f1, roc_auc for this task"),
                metric.err());
    }

    /** Its row would show what the other had brought. */
    @Test
    void aLabelThatWasAnotherOnesIsRefused() throws IOException {
        Path output = directory.resolve("compared");
        List<String> rest = List.of("--ranks", "1", "--learning-rates", "1e-3");
        List<String> first = new ArrayList<>(List.of("--methods", "lora:alpha=64:label=x"));
        first.addAll(rest);
        summary(callOf(output, first));
        List<String> second = new ArrayList<>(List.of("--methods", "loft:without=clipping:label=x"));
        second.addAll(rest);
        Captured other = Captured.loft(callOf(output, second));
        assertEquals(2, other.status(), other.out());
        assertTrue(
                other.err().contains("of lora:alpha=64:label=x, and loft:without=clipping:label=x goes by the same"),
                other.err());
    }

    /** Nor do finished runs of methods that have it not stand in the way. */
    @Test
    void whatSomeMethodsAloneHaveIsTheirsAndRefusedWhereNoneHasIt() throws IOException {
        Path output = directory.resolve("compared");
        summary(callOf(output, List.of("--methods", "lora", "--ranks", "1", "--learning-rates", "1e-3")));
        List<String> more = new ArrayList<>(List.of("--methods", "loft,lora-plus", "--ranks", "1"));
        more.addAll(List.of("--learning-rates", "1e-3", "--loft-cross-terms", "bfloat16", "--lora-plus-ratio", "8"));
        assertEquals(6, summary(callOf(output, more)).get("runs").size());
        ObjectMapper json = new ObjectMapper();
        for (String run : finished(output).keySet()) {
            Path result = output.resolve("runs").resolve(run).resolve("result.json");
            JsonNode settings = json.readTree(result.toFile()).get("settings");
            boolean isLoft = run.startsWith("loft");
            boolean isPlus = run.startsWith("lora-plus");
            assertEquals(
                    isLoft ? "bfloat16" : "float32",
                    settings.get("loft_cross_terms").asText(),
                    run);
            assertEquals(isPlus ? 8 : 16, settings.get("lora_plus_ratio").asInt(), run);
        }
        Captured refused = Captured.loft(callOf(output, List.of("--methods", "dora", "--lora-plus-ratio", "8")));
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains("and the method is dora: leave it out"), refused.err());
    }

    /** A model trained further, or another one of the same sizes, does not stand in one table with the one before. */
    @Test
    void anotherModelInTheSameDirectoryIsRefused() throws IOException {
        Path output = directory.resolve("compared");
        List<String> small = List.of("--methods", "lora", "--ranks", "1", "--learning-rates", "1e-3");
        summary(callOf(output, small));
        Path weights = model.resolve("model.safetensors");
        byte[] before = Files.readAllBytes(weights);
        byte[] after = before.clone();
        after[after.length - 3] ^= 1;
        Files.write(weights, after);
        String[] more = callOf(output, List.of("--methods", "lora,loft", "--ranks", "1", "--learning-rates", "1e-3"));
        Captured other = Captured.loft(more);
        assertEquals(2, other.status(), other.err());
        assertTrue(other.err().contains("base_model was config.json "), other.err());
        Files.write(weights, before);
        // runs of a version that did not say what the model was stand for what their other settings say
        Path result;
        try (Stream<Path> runs = Files.list(output.resolve("runs"))) {
            result = runs.findFirst().orElseThrow().resolve("result.json");
        }
        ObjectNode tree = (ObjectNode) new ObjectMapper().readTree(result.toFile());
        assertNotNull(((ObjectNode) tree.get("settings")).remove("base_model"));
        new ObjectMapper().writeValue(result.toFile(), tree);
        assertEquals(4, summary(more).get("runs").size());
    }

    @Test
    void aRunThatDivergesIsSaidToHaveFailed() throws IOException {
        Path output = directory.resolve("diverged");
        JsonNode summary = summary(
                callOf(output, List.of("--methods", "loft-sgd", "--ranks", "2", "--learning-rates", "1e-3,1e30")));
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
        Captured call = Captured.loft(callOf(output, compared));
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

    @ParameterizedTest
    @CsvSource({
        "'full,lora', --target-modules=quer, no linear layer is named quer",
        "'lora,full', --dtype=float16, method full cannot train float16 weights",
        "'full,lora', --modules-to-save=quer, modules_to_save: no module is named quer"
    })
    void whatOneMethodCannotTrainIsRefusedBeforeTheFirstRun(String methods, String option, String told)
            throws IOException {
        Path output = directory.resolve("compared");
        Captured refused = Captured.loft(callOf(output, List.of("--methods", methods, option)));
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains(told), refused.err());
        assertEquals(Map.of(), finished(output));
    }

    /** A file of settings that a training left serves a comparison, and says packing as that does. */
    @Test
    void packingIsAsInTraining() throws IOException {
        Path settings = directory.resolve("config.yaml");
        Files.writeString(settings, "packing: none\n");
        Captured shown = Captured.loft("config", "compare", "--config", settings.toString());
        assertTrue(shown.out().contains("packing: none"), shown.out() + shown.err());
        Captured refused = Captured.loft(callOf(directory.resolve("compared"), List.of("--packing", "examples")));
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains("packing is for language models"), refused.err());
        assertFalse(Files.exists(directory.resolve("compared")), "refused, and yet begun");
    }
}
