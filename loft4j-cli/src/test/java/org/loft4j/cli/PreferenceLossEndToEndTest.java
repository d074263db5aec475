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
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The losses of preferences beside DPO, from the call that learns them to the one that judges by them. */
class PreferenceLossEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private Path model;
    private Path rows;
    private Path held;

    @BeforeEach
    void write() throws IOException {
        model = Fixtures.copy("stories260K", folder.resolve("model"));
        rows = preferences("rows.jsonl", 0, 12);
        held = preferences("held.jsonl", 12, 17);
    }

    private Path preferences(String name, int from, int to) throws IOException {
        String text = IntStream.range(from, to)
                .mapToObj(i -> "{\"prompt\": \"Once upon " + i + "\", \"chosen\": \" a time there was a " + i
                        + " day\", \"rejected\": \" no\"}\n")
                .collect(Collectors.joining());
        return Files.writeString(folder.resolve(name), text);
    }

    private static Captured loft(Object... args) {
        return Captured.loft(Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    }

    private Captured train(Path output, Object... more) {
        List<Object> call = new ArrayList<>(List.of("train", "--model", model, "--data", rows, "--eval-data", held));
        call.addAll(List.of("--output", output, "--max-steps", "6", "--batch-size", "2"));
        call.addAll(List.of(more));
        return loft(call.toArray());
    }

    private static Captured done(Captured call) {
        assertEquals(0, call.status(), call.err());
        return call;
    }

    private static void assertRefused(String message, Captured call) {
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains(message), call.err());
    }

    /** What the training told last of its held-out rows. */
    private static JsonNode told(Path output) throws IOException {
        JsonNode last = null;
        for (String line : Files.readAllLines(output.resolve("metrics.jsonl"))) {
            last = JSON.readTree(line).has("eval_margin") ? JSON.readTree(line) : last;
        }
        return JSON.readTree(String.valueOf(last));
    }

    private static void assertSame(JsonNode told, Captured judged) throws IOException {
        JsonNode scores = JSON.readTree(done(judged).out());
        for (String score : List.of("loss", "accuracy", "margin", "reward_chosen", "reward_rejected")) {
            double expected = told.get("eval_" + score).asDouble();
            assertEquals(expected, scores.get(score).asDouble(), 1e-4 * Math.max(1, Math.abs(expected)), score);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ipo", "hinge", "simpo", "orpo"})
    void evalJudgesByTheLossOfTheTraining(String loss) throws IOException {
        Path run = folder.resolve("run");
        done(train(run, "--method", "lora", "--preference-loss", loss, "--sft-weight", "0.5"));
        boolean free = loss.equals("simpo") || loss.equals("orpo");
        assertEquals(!free, Files.exists(run.resolve("reference.json")));
        Captured judged = loft("eval", "--model", model, "--adapter", run, "--data", held, "--json");
        assertSame(told(run), judged);
        assertEquals(loss, JSON.readTree(judged.out()).get("loss_type").asText());
        assertEquals(0.5, JSON.readTree(judged.out()).get("sft_weight").asDouble());
        assertEquals(!free, judged.err().contains("beside the model without its adapter, by "), judged.err());
        Captured asked = loft("eval", "--model", model, "--adapter", run, "--data", held, "--simpo-gamma", "0.3");
        if (loss.equals("simpo")) {
            assertTrue(done(asked).err().contains("by SimPO, β = 2.0, γ = 0.3"), asked.err());
        } else {
            assertRefused("simpo_gamma is of loss_type simpo, and it is " + loss, asked);
        }
        Captured other =
                loft("eval", "--model", model, "--adapter", run, "--data", held, "--preference-loss", "sigmoid");
        assertTrue(done(other).err().contains("by direct preference optimization, β = 0.1"), other.err());
        assertRefused("loss_type was " + loss + " and is now sigmoid", train(run, "--method", "lora", "--resume"));
    }

    /** A model that was trained itself has nothing left of its start, and needs none of it. */
    @Test
    void aWholeModelIsJudgedWithoutAReferenceAndGoesOnAfterAKill() throws IOException {
        Path run = folder.resolve("run");
        Object[] settings = {"--method", "full", "--preference-loss", "simpo", "--preference-beta", "1.5"};
        List<Object> saving = new ArrayList<>(List.of(settings));
        saving.addAll(List.of("--save-steps", "3", "--save-total-limit", "0"));
        done(train(run, saving.toArray()));
        byte[] whole = Files.readAllBytes(run.resolve("model.safetensors"));
        Captured judged = loft("eval", "--model", run, "--data", held, "--json");
        assertSame(told(run), judged);
        assertTrue(judged.err().contains("loft: judged by SimPO, β = 1.5, γ = 0.5"), judged.err());

        // a kill leaves checkpoints alone
        for (String result : List.of("trainer_state.json", "model.safetensors")) {
            Files.delete(run.resolve(result));
        }
        try (var files = Files.list(run.resolve("checkpoint-6"))) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(run.resolve("checkpoint-6"));
        saving.add("--resume");
        Captured resumed = done(train(run, saving.toArray()));
        assertTrue(resumed.err().contains("going on after step 3"), resumed.err());
        assertArrayEquals(whole, Files.readAllBytes(run.resolve("model.safetensors")));

        assertRefused(
                "or judge it by a loss without a reference (--preference-loss simpo or orpo)",
                loft("eval", "--model", run, "--data", held, "--preference-loss", "ipo"));
        assertRefused(
                "--reference-adapter is what a loss with a reference judges beside, and simpo has none",
                loft("eval", "--model", run, "--data", held, "--reference-adapter", folder));
    }

    @Test
    void rowsThatAreReadAsTheyAreLearntNeedALossWithoutAReference() throws IOException {
        Path run = folder.resolve("run");
        assertRefused(
                "--streaming and preferences by --preference-loss ipo exclude each other",
                train(run, "--streaming", "--preference-loss", "ipo"));
        Captured streamed = done(train(run, "--streaming", "--preference-loss", "orpo", "--method", "lora"));
        assertFalse(streamed.err().contains("became"), streamed.err());
        assertTrue(streamed.err().contains("preferences are learnt at a quarter of the usual learning rate, 2.5e-4"));
        assertFalse(Files.exists(run.resolve("reference.json")));
        assertTrue(Files.readString(run.resolve("README.md")).contains("preferred (ORPO, λ = 0.1)"));
        assertTrue(told(run).get("eval_margin").isNumber());
    }

    @Test
    void aDryRunReckonsALookBeforeOnlyWhereThereIsOne() throws IOException {
        Path run = folder.resolve("run");
        JsonNode ipo = JSON.readTree(done(train(run, "--dry-run", "--json", "--preference-loss", "ipo"))
                .out());
        assertTrue(ipo.get("reference_seconds").asDouble() > 0);
        JsonNode simpo = JSON.readTree(done(train(run, "--dry-run", "--json", "--preference-loss", "simpo"))
                .out());
        assertEquals(0, simpo.get("reference_seconds").asDouble());
    }

    @Test
    void aComparisonIsByTheLossThatItNames() throws IOException {
        Path output = folder.resolve("compared");
        Object[] call = {
            "compare",
            "--model",
            model,
            "--data",
            rows,
            "--eval-data",
            held,
            "--test-data",
            held,
            "--output",
            output,
            "--methods",
            "lora",
            "--ranks",
            "4",
            "--max-steps",
            "6",
            "--batch-size",
            "2",
            "--keep-weights",
            "--json",
            "--preference-loss",
            "simpo"
        };
        JsonNode standings = JSON.readTree(done(loft(call)).out()).get("standings");
        assertTrue(standings.get(0).get("test_loss").isNumber(), standings.toString());
        Path run = output.resolve("runs").resolve("lora-4-5e-5-s0");
        JsonNode test =
                JSON.readTree(Files.readString(run.resolve("result.json"))).get("test");
        JsonNode judged = JSON.readTree(
                done(loft("eval", "--model", model, "--adapter", run.resolve("training"), "--data", held, "--json"))
                        .out());
        assertEquals(judged.get("loss").asDouble(), test.get("loss").asDouble(), 1e-5);
        assertEquals(
                judged.get("reward_chosen").asDouble(),
                test.get("reward_chosen").asDouble(),
                1e-5);
        assertFalse(Files.exists(run.resolve("training").resolve("reference.json")));
        call[call.length - 1] = "hinge";
        assertRefused("loss_type was simpo and is now hinge", loft(call));
    }

    @Test
    void numbersThatALossHasNotAreRefusedAtOnce() {
        assertRefused(
                "simpo_gamma is of loss_type simpo, and it is sigmoid: leave it out",
                train(folder.resolve("run"), "--simpo-gamma", "0.3"));
        assertRefused(
                "loss_type must be one of sigmoid, hinge, ipo, simpo, orpo, kto, got nca",
                train(folder.resolve("run"), "--preference-loss", "nca"));
        assertRefused(
                "label_smoothing_factor is 0.1, and loss_type hinge takes no preferences for turned round",
                train(folder.resolve("run"), "--preference-loss", "hinge", "--label-smoothing", "0.1"));
    }
}
