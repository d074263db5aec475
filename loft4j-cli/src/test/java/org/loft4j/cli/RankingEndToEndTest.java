package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.cli.RankingCalls.assertRefused;
import static org.loft4j.cli.RegressionCalls.json;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --problem-type ranking}: of balls the red one is right. {@link RankedConversationsEndToEndTest} has answers to turns. */
class RankingEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String STORIES = Fixtures.of("stories260K").toString();
    private static final String RANKING = "sequence-classification";

    @TempDir
    Path folder;

    private RankingCalls calls;
    private String model = "";
    private Path matches = Path.of("");
    private Path answers = Path.of("");

    @BeforeEach
    void rows() throws IOException {
        calls = RankingCalls.ofEncoder(folder);
        model = calls.model();
        matches = calls.matches();
        answers = calls.answers();
    }

    @Test
    void theRightTextIsLearntJudgedToldAndGoneOnWith() throws IOException {
        Captured trained = calls.train(
                matches,
                "run",
                "--model",
                model,
                "--task",
                RANKING,
                "--eval-data",
                matches.toString(),
                "--epochs",
                "8",
                "--metric-for-best",
                "mrr");
        assertEquals(0, trained.status(), trained.err());
        assertTrue(trained.err().contains("72 negatives beside them"), trained.err());
        assertTrue(Files.readString(folder.resolve("run/metrics.jsonl")).contains("\"eval_mrr\""));
        JsonNode judged = calls.eval(matches, "run");
        assertEquals(1, judged.get("accuracy").asDouble(), judged.toString());
        assertEquals(1, judged.get("mrr").asDouble());
        assertTrue(judged.get("margin").asDouble() > 0, judged.toString());
        assertEquals(48, judged.get("rows").asInt());
        // a model that ranks is judged by preferences too
        assertEquals(1, calls.eval(answers, "run").get("accuracy").asDouble());
        assertTrue(
                Files.readString(folder.resolve("run/README.md")).contains("a number for each text, or pair of texts"));
        assertEquals(
                "regression",
                json(folder.resolve("run/loft_task.json")).get("problem_type").asText());

        Captured told = Captured.loft(
                "predict",
                "--model",
                model,
                "--adapter",
                folder.resolve("run").toString(),
                "--text",
                "which one",
                "--text-pair",
                "red red red red ball 3",
                "--text",
                "which one",
                "--text-pair",
                "blue blue blue blue ball 3");
        assertEquals(0, told.status(), told.err());
        List<Double> numbers = told.out()
                .lines()
                .map(line -> Double.parseDouble(line.split("\t")[0]))
                .toList();
        assertTrue(numbers.get(0) > numbers.get(1), told.out());

        // rows of an anchor and what belongs to it make sentence embeddings, but of a model that ranks
        Captured further = calls.train(
                matches,
                "further",
                "--model",
                model,
                "--adapter",
                folder.resolve("run").toString(),
                "--max-steps",
                "1");
        assertEquals(0, further.status(), further.err());
        assertEquals(
                "sequence_classification",
                json(folder.resolve("further/loft_task.json")).get("task").asText());
        Path merged = folder.resolve("merged");
        assertEquals(
                0,
                Captured.loft(
                                "merge",
                                "--model",
                                model,
                                "--adapter",
                                folder.resolve("run").toString(),
                                "--output",
                                merged.toString())
                        .status());
        Files.delete(merged.resolve("loft_task.json"));
        Captured again = calls.train(matches, "again", "--model", merged.toString(), "--max-steps", "1");
        assertEquals(0, again.status(), again.err());
        assertEquals(
                "sequence_classification",
                json(folder.resolve("again/loft_task.json")).get("task").asText());
        Captured embedded = calls.train(matches, "embedded", "--model", model, "--max-steps", "1");
        assertEquals(0, embedded.status(), embedded.err());
        assertEquals(
                "sentence_embedding",
                json(folder.resolve("embedded/loft_task.json")).get("task").asText());
    }

    @Test
    void rewardsAreLearntFromPreferences() throws IOException {
        // of an encoder, which cannot write the answers; a decoder has to be asked for a number
        // a file of settings may wrap the prompts of language models
        Path settings = Files.writeString(folder.resolve("settings.yaml"), "chat: true\n");
        Captured encoder =
                calls.train(answers, "encoder", "--model", model, "--epochs", "8", "--config", settings.toString());
        assertEquals(0, encoder.status(), encoder.err());
        assertEquals(1, calls.eval(answers, "encoder").get("accuracy").asDouble());
        assertFalse(encoder.err().contains("of the usual learning rate"), encoder.err());
        Captured decoder = calls.train(
                answers,
                "decoder",
                "--model",
                STORIES,
                "--task",
                RANKING,
                "--epochs",
                "3",
                "--streaming",
                "--accumulate",
                "2");
        assertEquals(0, decoder.status(), decoder.err());
        Captured judged = Captured.loft(
                "eval",
                "--json",
                "--adapter",
                folder.resolve("decoder").toString(),
                "--model",
                STORIES,
                "--data",
                answers.toString());
        assertTrue(JSON.readTree(judged.out()).get("accuracy").asDouble() > 0.9, judged.out() + judged.err());
    }

    @Test
    void rowsAreShownCheckedAndReckonedAsTheyAreRanked() throws IOException {
        Captured shown = Captured.loft(
                "inspect", "--data", matches.toString(), "--model", model, "--task", RANKING, "--rows", "2");
        assertEquals(0, shown.status(), shown.err());
        assertEquals(
                List.of("positive", "negative", "positive", "negative", "negative"),
                shown.out()
                        .lines()
                        .filter(line -> line.matches("(positive|negative|anchor): .*"))
                        .map(line -> line.split(":")[0])
                        .toList(),
                shown.out());
        Captured checked =
                Captured.loft("data", "check", matches.toString(), "--model", model, "--problem-type", "ranking");
        assertEquals(0, checked.status(), checked.out());
        Captured dry = calls.train(matches, "dry", "--model", model, "--task", RANKING, "--dry-run", "--json");
        assertEquals(0, dry.status(), dry.err());
        assertEquals(6, JSON.readTree(dry.out()).at("/total_steps").asInt(), dry.out());
    }

    @Test
    void whatCannotBeRankedIsRefused() throws IOException {
        Path alone = Files.writeString(
                folder.resolve("alone.csv"), "anchor,positive\nwhich one,red ball\nwhich one,red red ball\n");
        assertRefused(
                calls.train(alone, "none", "--model", model, "--problem-type", "ranking"), "holds no \"negative\"");
        Path labels = TinyModels.colours(folder.resolve("labels.csv"), 8);
        assertRefused(
                calls.train(labels, "none", "--model", model, "--problem-type", "ranking"), "holds nothing to rank");
        assertRefused(
                calls.train(matches, "none", "--model", model, "--problem-type", "ranking", "--task", "causal-lm"),
                "--problem-type ranking is for --task sequence-classification");
        assertRefused(
                calls.train(matches, "none", "--model", model, "--task", RANKING, "--label-smoothing", "0.1"),
                "a single output is a number");
        assertRefused(calls.train(answers, "none", "--model", model, "--packing", "examples"), "packing");
        assertRefused(
                calls.train(answers, "none", "--model", model, "--preference-loss", "ipo"),
                "loss_type is of preferences");
        assertRefused(
                calls.train(matches, "none", "--model", model, "--task", RANKING, "--eval-data", labels.toString()),
                "holds no texts that belong together, as the rows to learn from do");
        assertFalse(Files.exists(folder.resolve("none")));
        assertRefused(
                calls.train(labels, "none", "--model", model, "--chat-template", labels.toString()),
                "--chat-template is for causal-lm and for --problem-type ranking, and the model tells classes");
        assertEquals(
                0,
                calls.train(labels, "classes", "--model", model, "--max-steps", "1")
                        .status());
        assertRefused(
                calls.train(
                        matches, "none", "--adapter", folder.resolve("classes").toString(), "--model", model),
                "--problem-type ranking learns to tell which do");
    }
}
