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
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.cli.compare.Trial;
import org.loft4j.train.Method;

/** Methods compared by the rewards of what their models answer. */
class RewardComparisonEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path folder;

    private RewardCalls calls;
    private Path output;
    private Path started;

    @BeforeEach
    void write() throws IOException {
        calls = RewardCalls.in(folder);
        output = folder.resolve("compared");
        started = folder.resolve("started");
    }

    private Captured compare(Object... more) throws IOException {
        Path test = Files.writeString(
                folder.resolve("test.csv"), "question,answer\nTom had a cat.,1\nAnna ran.,2\nA dog sat.,3\n");
        List<Object> call = new ArrayList<>(List.of("compare", "--model", calls.model(), "--data", calls.rows()));
        call.addAll(List.of("--eval-data", calls.rows(), "--test-data", test, "--prompt-column", "question"));
        call.addAll(List.of("--num-generations", "2", "--max-completion-length", "6", "--max-steps", "2"));
        call.addAll(List.of("--batch-size", "2", "--ranks", "1", "--output", output));
        call.addAll(List.of(more));
        return Captured.loft(call.stream().map(Object::toString).toArray(String[]::new));
    }

    /** Says each time that it is started, and gives every answer a number that it reads from a file. */
    private String judge() {
        return "command:sh -c \"echo now >> '" + started + "'; while read line; do cat '" + folder.resolve("worth")
                + "'; done\"";
    }

    private JsonNode result(String run) throws IOException {
        return JSON.readTree(
                Files.readString(output.resolve("runs").resolve(run).resolve("result.json")));
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void theFiguresAreThoseOfEvalAndRunsOfOtherRewardsAreToldApart() throws IOException {
        Files.writeString(folder.resolve("worth"), "0.5\n");
        Object[] rewards = {"--reward", "regex:[aeiou]$", "--reward", judge(), "--reward-weights", "1,2"};
        List<Object> first = new ArrayList<>(List.of(rewards));
        first.addAll(List.of("--methods", "lora", "--keep-weights"));
        Captured compared = compare(first.toArray());
        assertEquals(0, compared.status(), compared.err());
        assertTrue(
                compared.err().contains("rewards are learnt at a twentieth of the usual learning rates where none"),
                compared.err());
        assertTrue(compared.out().contains("test reward  test reward_stderr"), compared.out());
        assertTrue(compared.out().contains("test reward_stderr: how far the mean reward"), compared.out());
        // one program judges for all runs
        assertEquals(List.of("now"), Files.readAllLines(started));
        String name = "lora-1-" + Trial.rateText(Method.LORA.rewardLearningRate(64)) + "-s0";
        JsonNode run = result(name);
        JsonNode told = RewardCalls.json(Captured.loft(
                "eval",
                "--adapter",
                output.resolve("runs").resolve(name).resolve("training").toString(),
                "--model",
                calls.model().toString(),
                "--data",
                folder.resolve("test.csv").toString(),
                "--prompt-column",
                "question",
                "--reward",
                "regex:[aeiou]$",
                "--reward",
                judge(),
                "--reward-weights",
                "1,2",
                "--json"));
        for (String score : List.of(
                "loss", "reward", "reward_stderr", "reward_std", "reward_regex", "reward_command", "clipped_ratio")) {
            assertEquals(told.get(score).asDouble(), run.get("test").get(score).asDouble(), 1e-12, score);
        }
        assertEquals(0.5, run.get("test").get("reward_command").asDouble());
        assertEquals(2, run.get("training_reward").get("reward").size());
        assertTrue(run.get("training_reward").get("reward").get(0).asDouble() >= 1, run::toString);
        assertTrue(Files.readString(output.resolve("summary.html")).contains("test reward_stderr"));
        assertTrue(Files.readString(output.resolve("runs.csv")).contains("test_reward_regex_stderr"));

        // what is finished starts no program; one run more starts it again
        long before = Files.readAllLines(started).size();
        Captured again = Captured.loft(
                "compare", "--config", output.resolve("config.yaml").toString());
        assertEquals(0, again.status(), again.err());
        assertEquals(before, Files.readAllLines(started).size());
        first.set(5, "1,3");
        Captured heavier = compare(first.toArray());
        RewardCalls.assertRefused("output_dir holds runs with other settings: rewards was regex", heavier);
        assertTrue(heavier.err().contains("× 2.0 and is now regex:[aeiou]$ × 1.0, "), heavier.err());
        assertEquals(before, Files.readAllLines(started).size());
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void aProgramThatFailsEndsTheCallAndTheSameCallGoesOn() throws IOException {
        Files.writeString(folder.resolve("worth"), "seven\n");
        Object[] call = {"--reward", judge(), "--methods", "lora", "--learning-rates", "1e-3"};
        Captured failed = compare(call);
        assertEquals(1, failed.status(), failed.err());
        assertTrue(failed.err().contains("has written seven, which is no number"), failed.err());
        Path result = output.resolve("runs").resolve("lora-1-1e-3-s0").resolve("result.json");
        assertFalse(Files.exists(result), "a reward that fails is no property of a method");
        Files.writeString(folder.resolve("worth"), "7\n");
        Captured again = compare(call);
        assertEquals(0, again.status(), again.err());
        assertEquals(7, result("lora-1-1e-3-s0").get("test").get("reward").asDouble());
    }

    /** A model that makes no numbers any more has no answers, and its rate has its place in the table. */
    @Test
    void aRateThatIsTooHighStandsAsFailed() throws IOException {
        Object[] call = {
            "--reward",
            "regex:[aeiou]$",
            "--methods",
            "lora",
            "--learning-rates",
            "1e30",
            "--dtype",
            "float16",
            "--max-grad-norm",
            "0"
        };
        Captured compared = compare(call);
        assertEquals(1, compared.status(), "nothing came of the call: " + compared.err());
        assertTrue(compared.err().contains("failed: the logits of this llama are not finite"), compared.err());
        assertTrue(compared.out().contains("failed"), compared.out());
    }

    @Test
    void whatDoesNotFitIsRefusedBeforeAnythingIsWritten() throws IOException {
        RewardCalls.assertRefused("--format reward has prompts alone", compare("--format", "reward"));
        RewardCalls.assertRefused(
                "and full keeps no copy of that: leave it out of --methods, or set kl_beta to 0",
                compare("--reward", "exact", "--kl-beta", "0.1"));
        RewardCalls.assertRefused(
                "--reward and --packing exclude each other", compare("--reward", "exact", "--packing"));
        RewardCalls.assertRefused(
                "metric must be one of loss, reward for this task, got perplexity",
                compare("--reward", "exact", "--metric", "perplexity", "--methods", "lora"));
        RewardCalls.assertRefused(
                "--reward is for causal-lm", compare("--reward", "exact", "--task", "sequence-classification"));
        Captured lacks = compare("--reward", "exact:truth");
        assertEquals(1, lacks.status(), lacks.err());
        assertTrue(lacks.err().contains("has no \"truth\" for --reward exact:truth"), lacks.err());
        assertFalse(Files.exists(output.resolve("config.yaml")));
    }
}
