package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.train.TinyRewards.LETTER;
import static org.loft4j.train.TinyRewards.LOSS;
import static org.loft4j.train.TinyRewards.config;
import static org.loft4j.train.TinyRewards.lora;
import static org.loft4j.train.TinyRewards.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.train.TinyRewards.Case;

/** The answers that a run by rewards writes down in {@code completions.jsonl}, also where it is stopped and goes on. */
class LoggedCompletionsEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path directory;

    /** The lines of steps that are logged and of evaluations, whose means are those of the metrics. */
    @Test
    void whatTheModelAnswersIsWrittenDown() throws IOException {
        TrainConfig config = config(Method.LOFT, LOSS).epochs(2).build();
        train(new Case(config, lora(0), UnaryOperator.identity(), true), directory, OnExisting.REFUSE, run -> {});
        Map<String, List<JsonNode>> lines = completions(directory);
        // 6 steps of 4 prompts with 4 answers, and 3 held-out prompts
        assertEquals(
                Map.of("2 false", 16, "4 false", 16, "6 false", 16, "3 true", 3, "6 true", 3),
                lines.entrySet().stream()
                        .collect(Collectors.toMap(
                                Map.Entry::getKey, entry -> entry.getValue().size())));
        for (String line : Files.readAllLines(directory.resolve("metrics.jsonl"))) {
            JsonNode told = JSON.readTree(line);
            boolean held = told.has("eval_loss");
            if (held) {
                List<JsonNode> own = lines.get(told.get("step") + " true");
                assertEquals(told.get("eval_reward").asDouble(), mean(own, "reward"), 1e-12);
                assertEquals(told.get("eval_completion_length").asDouble(), mean(own, "tokens"), 1e-12);
                assertEquals(
                        told.get("eval_clipped_ratio").asDouble(),
                        own.stream()
                                        .filter(one -> !one.get("ended").asBoolean())
                                        .count()
                                / 3.0,
                        1e-12);
            }
        }
        List<JsonNode> first = lines.get("2 false");
        double[] rewards = first.stream()
                .mapToDouble(line -> line.get("reward").asDouble())
                .toArray();
        double[] advantages = first.stream()
                .mapToDouble(line -> line.get("advantage").asDouble())
                .toArray();
        assertArrayEquals(LOSS.advantages(rewards), advantages);
        for (JsonNode line : first) {
            String said = line.get("completion").asText();
            assertEquals(
                    LETTER.of(new Reward.Answer("", said, Map.of())),
                    line.get("reward").asDouble());
            assertTrue(line.get("prompt").asText().matches(".*(Lily|Tom|Ben|Mia).*"), line::toString);
        }
        assertFalse(lines.get("3 true").get(0).has("advantage"));
        assertFalse(lines.get("3 true").get(0).has("reward_letter"));
    }

    private static Map<String, List<JsonNode>> completions(Path run) throws IOException {
        Map<String, List<JsonNode>> lines = new LinkedHashMap<>();
        for (String line : Files.readAllLines(run.resolve("completions.jsonl"))) {
            JsonNode told = JSON.readTree(line);
            lines.computeIfAbsent(told.get("step") + " " + told.get("eval"), key -> new ArrayList<>())
                    .add(told);
        }
        return lines;
    }

    private static double mean(List<JsonNode> lines, String key) {
        return lines.stream()
                .mapToDouble(line -> line.get(key).asDouble())
                .average()
                .orElseThrow();
    }

    /** Whether a stop comes in the answers of a step, or of an evaluation whose lines are there in part: they are told once. */
    @ParameterizedTest
    @ValueSource(ints = {4 * 16 + 7, 3 * 16 + 2})
    void answersAreToldOnceHoweverOftenARunIsStopped(int stopAt) throws IOException {
        TrainConfig config = config(Method.LOFT, LOSS).epochs(2).loggingSteps(1).build();
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        Case plain = new Case(config, lora(0), UnaryOperator.identity(), true);
        train(plain, whole, OnExisting.REFUSE, run -> {});
        TrainingRun[] running = new TrainingRun[1];
        int[] judged = new int[1];
        Case stopping = new Case(
                config,
                lora(0),
                reward -> answer -> {
                    if (++judged[0] == stopAt) {
                        running[0].requestStop();
                    }
                    return reward.of(answer);
                },
                true);
        long behind = train(stopping, stopped, OnExisting.REFUSE, run -> running[0] = run)
                .step();
        assertEquals(stopAt < 4 * 16 ? 3 : 4, behind);
        Path file = stopped.resolve("completions.jsonl");
        // what a kill would have left there: answers of an evaluation that will be made again, of a step behind the
        // checkpoint, and half a line
        String again = behind == 3 ? "{\"step\":3,\"eval\":true,\"prompt\":\"Sam\"}\n" : "";
        Files.writeString(
                file,
                again + "{\"step\":5,\"eval\":false,\"prompt\":\"Lily\"}\n{\"step\":5,\"ev",
                StandardOpenOption.APPEND);
        train(plain, stopped, OnExisting.RESUME, run -> {});
        assertEquals(Files.readAllLines(whole.resolve("completions.jsonl")), Files.readAllLines(file));
    }

    /** A run that goes on without writing answers down leaves none of steps that it makes again, nor half a line. */
    @Test
    void answersBehindTheCheckpointGoWithoutNewOnes() throws IOException {
        TrainConfig config = config(Method.LOFT, LOSS).epochs(1).loggingSteps(1).build();
        Case logged = new Case(config, lora(0), UnaryOperator.identity(), true);
        train(
                logged,
                directory,
                OnExisting.REFUSE,
                run -> run.addListener(new TrainListener() {
                    @Override
                    public void onStep(StepEvent event) {
                        run.requestStop();
                    }
                }));
        Path file = directory.resolve("completions.jsonl");
        List<String> kept = Files.readAllLines(file);
        assertEquals(16, kept.size());
        Files.writeString(file, "{\"step\":2,\"eval\":false}\n{\"step\":2,\"ev", StandardOpenOption.APPEND);
        train(new Case(config, lora(0), UnaryOperator.identity()), directory, OnExisting.RESUME, run -> {});
        assertEquals(kept, Files.readAllLines(file));
    }
}
