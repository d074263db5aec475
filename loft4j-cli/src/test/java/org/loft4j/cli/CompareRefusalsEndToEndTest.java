package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.cli.CompareCalls.finished;
import static org.loft4j.cli.CompareCalls.summary;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Comparisons that are refused: by their call, or since other runs lie where theirs would. */
class CompareRefusalsEndToEndTest {
    @TempDir
    Path directory;

    private CompareCalls calls;

    @BeforeEach
    void makeTheTask() throws IOException {
        calls = CompareCalls.in(directory);
    }

    @Test
    void labelsByWhichRunsWouldShareADirectoryOrATitleAreRefused() {
        Path output = directory.resolve("shared");
        Captured call =
                Captured.loft(calls.callOf(output, List.of("--methods", "full:label=lora-4,lora", "--ranks", "4")));
        assertEquals(2, call.status());
        assertTrue(
                call.err()
                        .contains("methods: full:label=lora-4 and lora:label=LoRA at rank 4 would share the directories"
                                + " lora-4-…: give one of them another label"),
                call.err());
        Captured title = Captured.loft(calls.callOf(output, List.of("--methods", "lora-plus,lora:label=LoRA+")));
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
    void filesOfOthersAreLeftAlone() throws IOException {
        Path output = Files.createDirectory(directory.resolve("project"));
        for (String name : List.of("config.yaml", "summary.md", "runs.csv")) {
            Path mine = Files.writeString(output.resolve(name), "mine: 1\n");
            Captured call = Captured.loft(calls.call(output, "--methods", "lora"));
            assertEquals(2, call.status());
            assertTrue(
                    call.err().contains(output + " holds no comparison, but " + name + ", which one would write over"),
                    call.err());
            Files.delete(mine);
        }
    }

    /** Without its settings a run cannot be resumed, nor a comparison be gone on with. */
    @Test
    void aRunAndAComparisonDoNotShareADirectory() throws IOException {
        Path output = Files.createDirectory(directory.resolve("mine"));
        Path settings = Files.writeString(output.resolve("config.yaml"), "output_dir: " + output + "\n");
        Path state = Files.writeString(output.resolve("trainer_state.json"), "{}");
        Captured compared = Captured.loft(calls.call(output, "--methods", "lora"));
        assertEquals(2, compared.status());
        assertTrue(compared.err().contains(output + " holds a run of loft train, whose settings"), compared.err());
        Files.delete(state);
        Files.writeString(output.resolve("comparison.json"), "{}");
        Captured trained = Captured.loft("train", "--config", settings.toString(), "--overwrite");
        assertEquals(2, trained.status());
        assertTrue(trained.err().contains(output + " holds a comparison (loft compare), whose"), trained.err());
    }

    @Test
    void everythingThatIsWrongIsSaidBeforeAnythingIsRead() {
        Path output = directory.resolve("refused");
        Captured captured = Captured.loft(calls.call(output, "--methods", "loft,lora:alfa=3", "--metric", "speed"));
        assertEquals(2, captured.status());
        assertTrue(captured.err().contains("unknown option alfa; known are label, alpha"), captured.err());
        assertFalse(Files.exists(output));
        Captured metric = Captured.loft(calls.call(output, "--metric", "perplexity"));
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
        summary(calls.callOf(output, first));
        List<String> second = new ArrayList<>(List.of("--methods", "loft:without=clipping:label=x"));
        second.addAll(rest);
        Captured other = Captured.loft(calls.callOf(output, second));
        assertEquals(2, other.status(), other.out());
        assertTrue(
                other.err().contains("of lora:alpha=64:label=x, and loft:without=clipping:label=x goes by the same"),
                other.err());
    }

    /** Nor do finished runs of methods that have it not stand in the way. */
    @Test
    void whatSomeMethodsAloneHaveIsTheirsAndRefusedWhereNoneHasIt() throws IOException {
        Path output = directory.resolve("compared");
        summary(calls.callOf(output, List.of("--methods", "lora", "--ranks", "1", "--learning-rates", "1e-3")));
        List<String> more = new ArrayList<>(List.of("--methods", "loft,lora-plus", "--ranks", "1"));
        more.addAll(List.of("--learning-rates", "1e-3", "--loft-cross-terms", "bfloat16", "--lora-plus-ratio", "8"));
        assertEquals(6, summary(calls.callOf(output, more)).get("runs").size());
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
        Captured refused = Captured.loft(calls.callOf(output, List.of("--methods", "dora", "--lora-plus-ratio", "8")));
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains("and the method is dora: leave it out"), refused.err());
    }

    /** A model trained further, or another one of the same sizes, does not stand in one table with the one before. */
    @Test
    void anotherModelInTheSameDirectoryIsRefused() throws IOException {
        Path output = directory.resolve("compared");
        List<String> small = List.of("--methods", "lora", "--ranks", "1", "--learning-rates", "1e-3");
        summary(calls.callOf(output, small));
        Path weights = calls.model().resolve("model.safetensors");
        byte[] before = Files.readAllBytes(weights);
        byte[] after = before.clone();
        after[after.length - 3] ^= 1;
        Files.write(weights, after);
        String[] more =
                calls.callOf(output, List.of("--methods", "lora,loft", "--ranks", "1", "--learning-rates", "1e-3"));
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

    @ParameterizedTest
    @CsvSource({
        "'full,lora', --target-modules=quer, no linear layer is named quer",
        "'lora,full', --dtype=float16, method full cannot train float16 weights",
        "'full,lora', --modules-to-save=quer, modules_to_save: no module is named quer"
    })
    void whatOneMethodCannotTrainIsRefusedBeforeTheFirstRun(String methods, String option, String told)
            throws IOException {
        Path output = directory.resolve("compared");
        Captured refused = Captured.loft(calls.callOf(output, List.of("--methods", methods, option)));
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
        Captured refused = Captured.loft(calls.callOf(directory.resolve("compared"), List.of("--packing", "examples")));
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains("packing is for language models"), refused.err());
        assertFalse(Files.exists(directory.resolve("compared")), "refused, and yet begun");
    }
}
