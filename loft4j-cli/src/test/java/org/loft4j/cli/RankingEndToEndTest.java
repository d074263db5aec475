package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.cli.RegressionCalls.json;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --problem-type ranking}: of balls the red one is right. */
class RankingEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String STORIES = Fixtures.of("stories260K").toString();
    private static final String RANKING = "sequence-classification";

    @TempDir
    Path folder;

    private String model = "";
    private Path matches = Path.of("");
    private Path answers = Path.of("");

    @BeforeEach
    void rows() throws IOException {
        model = TinyModels.encoder(folder.resolve("model")).toString();
        StringBuilder triples = new StringBuilder();
        StringBuilder pairs = new StringBuilder();
        for (int i = 0; i < 48; i++) {
            String right = "red ".repeat(4) + "ball " + i;
            String wrong = "blue ".repeat(4) + "ball " + i;
            String other = i % 2 == 0 ? "" : ",\"green ball " + i + "\"";
            triples.append("{\"anchor\":\"which one\",\"positive\":\"" + right + "\",\"negative\":[\"" + wrong + "\""
                    + other + "]}\n");
            pairs.append("{\"prompt\":\"which one\",\"chosen\":\"" + right + "\",\"rejected\":\"" + wrong + "\"}\n");
        }
        matches = Files.writeString(folder.resolve("matches.jsonl"), triples);
        answers = Files.writeString(folder.resolve("answers.jsonl"), pairs);
    }

    private Captured train(Path data, String output, String... more) {
        return Captured.loft(Stream.concat(
                        Stream.of(
                                "train",
                                "--data",
                                data.toString(),
                                "--rank",
                                "4",
                                "--learning-rate",
                                "3e-3",
                                "--head-learning-rate",
                                "0.05",
                                "--output",
                                folder.resolve(output).toString()),
                        Stream.of(more))
                .toArray(String[]::new));
    }

    private JsonNode eval(Path data, String run) throws IOException {
        Captured judged = Captured.loft(
                "eval",
                "--json",
                "--adapter",
                folder.resolve(run).toString(),
                "--model",
                model,
                "--data",
                data.toString(),
                "--predictions",
                folder.resolve("told.jsonl").toString(),
                "--overwrite");
        assertEquals(0, judged.status(), judged.err());
        assertFalse(judged.err().contains("trained on pairs of texts"), judged.err());
        JsonNode scores = JSON.readTree(judged.out());
        for (JsonNode told : ToldRows.of(folder.resolve("told.jsonl"), scores, null)) {
            int texts = told.has("chosen") ? 2 : 1 + told.get("negatives").size();
            assertEquals(texts, told.get("scores").size(), told.toString());
        }
        return scores;
    }

    @Test
    void theRightTextIsLearntJudgedToldAndGoneOnWith() throws IOException {
        Captured trained = train(
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
        JsonNode judged = eval(matches, "run");
        assertEquals(1, judged.get("accuracy").asDouble(), judged.toString());
        assertEquals(1, judged.get("mrr").asDouble());
        assertTrue(judged.get("margin").asDouble() > 0, judged.toString());
        assertEquals(48, judged.get("rows").asInt());
        // a model that ranks is judged by preferences too
        assertEquals(1, eval(answers, "run").get("accuracy").asDouble());
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
        Captured further = train(
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
        Captured again = train(matches, "again", "--model", merged.toString(), "--max-steps", "1");
        assertEquals(0, again.status(), again.err());
        assertEquals(
                "sequence_classification",
                json(folder.resolve("again/loft_task.json")).get("task").asText());
        Captured embedded = train(matches, "embedded", "--model", model, "--max-steps", "1");
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
                train(answers, "encoder", "--model", model, "--epochs", "8", "--config", settings.toString());
        assertEquals(0, encoder.status(), encoder.err());
        assertEquals(1, eval(answers, "encoder").get("accuracy").asDouble());
        assertFalse(encoder.err().contains("of the usual learning rate"), encoder.err());
        Captured decoder = train(
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

    /** A model without a chat template, which has learnt a turn and its answer as a pair. */
    @Test
    void anAnswerIsToldItsNumberAndAPromptWithoutOneIsRefused() throws IOException {
        assertEquals(
                0, train(answers, "run", "--model", model, "--max-steps", "1").status());
        String turn = "{\"messages\":[{\"role\":\"user\",\"content\":\"which one\"}";
        String answer = ",{\"role\":\"assistant\",\"content\":\"red ball\"}";
        Captured pair = predict("run", "--text", "which one", "--text-pair", "red ball");
        Captured turns = predict("run", "--data", rows(turn + answer + "]}"));
        assertEquals(0, turns.status(), turns.err());
        assertEquals(pair.out().split("\t")[0], turns.out().split("\t")[0]);
        assertRefused(
                predict("run", "--data", answers.toString()),
                "answers.jsonl, line 1: is a prompt, and the model judges");
        assertRefused(
                predict("run", "--data", rows(turn + "]}")), "line 1: is a conversation without an answer at its end");
        assertRefused(
                predict("run", "--data", rows(turn + answer + answer.replace("assistant", "user") + "]}")),
                "without an answer at its end");
        assertRefused(
                predict(
                        "run",
                        "--data",
                        rows(turn.replace("messages", "prompt") + "],\"completion\":[" + answer.substring(1) + "]}")),
                "without an answer at its end");
        assertRefused(
                predict("run", "--data", rows(turn + answer + answer + "]}")),
                "holds a conversation of 3 turns, and the model has no chat template");
    }

    private String rows(String line) throws IOException {
        return Files.writeString(folder.resolve("asked.jsonl"), line + "\n").toString();
    }

    private Captured predict(String run, String... more) {
        return Captured.loft(Stream.concat(
                        Stream.of(
                                "predict",
                                "--model",
                                model,
                                "--adapter",
                                folder.resolve(run).toString()),
                        Stream.of(more))
                .toArray(String[]::new));
    }

    private static List<Double> numbers(Captured told) {
        assertEquals(0, told.status(), told.err());
        return told.out()
                .lines()
                .map(line -> Double.parseDouble(line.split("\t")[0]))
                .toList();
    }

    /** Conversations of several turns, of which the last answer tells which is right, by the model's chat template. */
    @Test
    void conversationsAreRankedAsTheTemplateWritesThem() throws IOException {
        Path decoder = Fixtures.copy("stories260K", folder.resolve("decoder"));
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 8; i++) {
            String before =
                    "{\"role\":\"user\",\"content\":\"a ball\"},{\"role\":\"assistant\",\"content\":\"which one\"},"
                            + "{\"role\":\"user\",\"content\":\"number " + i + "\"}";
            rows.append(
                    "{\"prompt\":[" + before + "],\"chosen\":[{\"role\":\"assistant\",\"content\":\"red red ball\"}],"
                            + "\"rejected\":[{\"role\":\"assistant\",\"content\":\"blue blue ball\"}]}\n");
        }
        Path turns = Files.writeString(folder.resolve("turns.jsonl"), rows);
        String[] call = {"--model", decoder.toString(), "--task", RANKING, "--epochs", "4", "--batch-size", "4"};
        assertRefused(
                train(turns, "none", call), "holds a conversation of 4 turns, and the model has no chat template");
        Captured unwritten = Captured.loft(
                "data", "check", turns.toString(), "--model", decoder.toString(), "--problem-type", "ranking");
        assertTrue(unwritten.out().contains("a conversation of 4 turns"), unwritten.out() + unwritten.err());
        // the end token, which short rows are padded with, is the token that is read
        String template = Files.writeString(
                        folder.resolve("turns.jinja"),
                        "{% for message in messages %}{{ bos_token }}{{ message.role }}: {{ message.content }}{{ eos_token }}{% endfor %}")
                .toString();
        call = Stream.concat(Stream.of(call), Stream.of("--chat-template", template))
                .toArray(String[]::new);
        Captured trained = train(turns, "run", call);
        assertEquals(0, trained.status(), trained.err());
        assertTrue(Files.exists(folder.resolve("run/chat_template.jinja")));
        model = decoder.toString();
        JsonNode judged = eval(turns, "run");
        assertEquals(1, judged.get("accuracy").asDouble(), judged.toString());
        assertEquals(0, judged.get("rows_cut").asInt());
        assertTrue(trained.out().contains("--data CONVERSATIONS"), trained.out());
        // the right answer of a row has the greater number, and the difference is the margin that eval tells
        StringBuilder both = new StringBuilder();
        for (String line : rows.toString().split("\n")) {
            String prompt = line.replaceAll(".*\"prompt\":\\[(.*)\\],\"chosen.*", "$1");
            for (String answer : List.of("red", "blue")) {
                both.append("{\"messages\":[" + prompt + ",{\"role\":\"assistant\",\"content\":\"" + answer + " "
                        + answer + " ball\"}]}\n");
            }
        }
        Path asked = Files.writeString(folder.resolve("asked.jsonl"), both);
        List<Double> numbers = numbers(predict("run", "--data", asked.toString()));
        double margin = 0;
        for (int i = 0; i < 8; i++) {
            margin += (numbers.get(2 * i) - numbers.get(2 * i + 1)) / 8;
        }
        assertEquals(judged.get("margin").asDouble(), margin, 2e-4);
        assertRefused(
                predict("run", "--data", asked.toString(), "--max-length", "24"),
                "asked.jsonl, line 1: holds a conversation of ");
        String merged = folder.resolve("merged").toString();
        Captured merge = Captured.loft(
                "merge", "--model", model, "--adapter", folder.resolve("run").toString(), "--output", merged);
        assertEquals(0, merge.status(), merge.err());
        List<Double> ofMerged = numbers(Captured.loft("predict", "--model", merged, "--data", asked.toString()));
        for (int i = 0; i < 16; i++) {
            assertEquals(numbers.get(i), ofMerged.get(i), 2e-4);
        }
        Captured shown = Captured.loft(
                "inspect",
                "--data",
                turns.toString(),
                "--model",
                model,
                "--task",
                RANKING,
                "--rows",
                "1",
                "--chat-template",
                template);
        assertEquals(0, shown.status(), shown.err());
        assertTrue(shown.out().replace("|", "").contains("user: number 0"), shown.out());
        assertRefused(
                train(
                        turns,
                        "short",
                        Stream.concat(Stream.of(call), Stream.of("--max-length", "24"))
                                .toArray(String[]::new)),
                "tokens with its answer, and max_length is 24");
        Path full = folder.resolve("full");
        Captured whole = train(
                turns,
                "full",
                Stream.concat(Stream.of(call), Stream.of("--method", "full", "--eval-data", turns.toString()))
                        .toArray(String[]::new));
        assertEquals(0, whole.status(), whole.err());
        // what is left is the model of the best evaluation
        double least = Double.MAX_VALUE;
        double ofBest = Double.NaN;
        for (String line : Files.readAllLines(full.resolve("metrics.jsonl"))) {
            JsonNode told = JSON.readTree(line);
            if (told.path("eval_loss").asDouble(Double.MAX_VALUE) < least) {
                least = told.get("eval_loss").asDouble();
                ofBest = told.get("eval_margin").asDouble();
            }
        }
        Captured own = Captured.loft("eval", "--json", "--model", full.toString(), "--data", turns.toString());
        assertEquals(ofBest, JSON.readTree(own.out()).get("margin").asDouble(), 2e-4, own.err());
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
        Captured dry = train(matches, "dry", "--model", model, "--task", RANKING, "--dry-run", "--json");
        assertEquals(0, dry.status(), dry.err());
        assertEquals(6, JSON.readTree(dry.out()).at("/total_steps").asInt(), dry.out());
    }

    @Test
    void whatCannotBeRankedIsRefused() throws IOException {
        Path alone = Files.writeString(
                folder.resolve("alone.csv"), "anchor,positive\nwhich one,red ball\nwhich one,red red ball\n");
        assertRefused(train(alone, "none", "--model", model, "--problem-type", "ranking"), "holds no \"negative\"");
        Path labels = TinyModels.colours(folder.resolve("labels.csv"), 8);
        assertRefused(train(labels, "none", "--model", model, "--problem-type", "ranking"), "holds nothing to rank");
        assertRefused(
                train(matches, "none", "--model", model, "--problem-type", "ranking", "--task", "causal-lm"),
                "--problem-type ranking is for --task sequence-classification");
        assertRefused(
                train(matches, "none", "--model", model, "--task", RANKING, "--label-smoothing", "0.1"),
                "a single output is a number");
        assertRefused(train(answers, "none", "--model", model, "--packing", "examples"), "packing");
        assertRefused(
                train(answers, "none", "--model", model, "--preference-loss", "ipo"), "loss_type is of preferences");
        assertRefused(
                train(matches, "none", "--model", model, "--task", RANKING, "--eval-data", labels.toString()),
                "holds no texts that belong together, as the rows to learn from do");
        assertFalse(Files.exists(folder.resolve("none")));
        assertRefused(
                train(labels, "none", "--model", model, "--chat-template", labels.toString()),
                "--chat-template is for causal-lm and for --problem-type ranking, and the model tells classes");
        assertEquals(
                0,
                train(labels, "classes", "--model", model, "--max-steps", "1").status());
        assertRefused(
                train(matches, "none", "--adapter", folder.resolve("classes").toString(), "--model", model),
                "--problem-type ranking learns to tell which do");
    }

    private static void assertRefused(Captured call, String why) {
        assertTrue(call.status() == 1 || call.status() == 2, call.err());
        assertTrue(call.err().contains(why), call.err());
    }
}
