package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.cli.RankingCalls.assertRefused;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model that ranks the last answers of conversations, by a chat template, or of one turn without one. */
class RankedConversationsEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String RANKING = "sequence-classification";

    @TempDir
    Path folder;

    /** A model without a chat template, which has learnt a turn and its answer as a pair. */
    @Test
    void anAnswerIsToldItsNumberAndAPromptWithoutOneIsRefused() throws IOException {
        RankingCalls calls = RankingCalls.ofEncoder(folder);
        Path answers = calls.answers();
        assertEquals(
                0,
                calls.train(answers, "run", "--model", calls.model(), "--max-steps", "1")
                        .status());
        String turn = "{\"messages\":[{\"role\":\"user\",\"content\":\"which one\"}";
        String answer = ",{\"role\":\"assistant\",\"content\":\"red ball\"}";
        Captured pair = calls.predict("run", "--text", "which one", "--text-pair", "red ball");
        Captured turns = calls.predict("run", "--data", rows(turn + answer + "]}"));
        assertEquals(0, turns.status(), turns.err());
        assertEquals(pair.out().split("\t")[0], turns.out().split("\t")[0]);
        assertRefused(
                calls.predict("run", "--data", answers.toString()),
                "answers.jsonl, line 1: is a prompt, and the model judges");
        assertRefused(
                calls.predict("run", "--data", rows(turn + "]}")),
                "line 1: is a conversation without an answer at its end");
        assertRefused(
                calls.predict("run", "--data", rows(turn + answer + answer.replace("assistant", "user") + "]}")),
                "without an answer at its end");
        assertRefused(
                calls.predict(
                        "run",
                        "--data",
                        rows(turn.replace("messages", "prompt") + "],\"completion\":[" + answer.substring(1) + "]}")),
                "without an answer at its end");
        assertRefused(
                calls.predict("run", "--data", rows(turn + answer + answer + "]}")),
                "holds a conversation of 3 turns, and the model has no chat template");
    }

    private String rows(String line) throws IOException {
        return Files.writeString(folder.resolve("asked.jsonl"), line + "\n").toString();
    }

    /** Conversations of several turns, of which the last answer tells which is right, by the model's chat template. */
    @Test
    void conversationsAreRankedAsTheTemplateWritesThem() throws IOException {
        String model = Fixtures.copy("stories260K", folder.resolve("decoder")).toString();
        RankingCalls calls = new RankingCalls(folder, model);
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
        String[] call = {"--model", model, "--task", RANKING, "--epochs", "4", "--batch-size", "4"};
        assertRefused(
                calls.train(turns, "none", call),
                "holds a conversation of 4 turns, and the model has no chat template");
        Captured unwritten =
                Captured.loft("data", "check", turns.toString(), "--model", model, "--problem-type", "ranking");
        assertTrue(unwritten.out().contains("a conversation of 4 turns"), unwritten.out() + unwritten.err());
        // the end token, which short rows are padded with, is the token that is read
        String template = Files.writeString(
                        folder.resolve("turns.jinja"),
                        "{% for message in messages %}{{ bos_token }}{{ message.role }}: {{ message.content }}{{ eos_token }}{% endfor %}")
                .toString();
        call = Stream.concat(Stream.of(call), Stream.of("--chat-template", template))
                .toArray(String[]::new);
        Captured trained = calls.train(turns, "run", call);
        assertEquals(0, trained.status(), trained.err());
        assertTrue(Files.exists(folder.resolve("run/chat_template.jinja")));
        JsonNode judged = calls.eval(turns, "run");
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
        List<Double> numbers = numbers(calls.predict("run", "--data", asked.toString()));
        double margin = 0;
        for (int i = 0; i < 8; i++) {
            margin += (numbers.get(2 * i) - numbers.get(2 * i + 1)) / 8;
        }
        assertEquals(judged.get("margin").asDouble(), margin, 2e-4);
        assertRefused(
                calls.predict("run", "--data", asked.toString(), "--max-length", "24"),
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
                calls.train(
                        turns,
                        "short",
                        Stream.concat(Stream.of(call), Stream.of("--max-length", "24"))
                                .toArray(String[]::new)),
                "tokens with its answer, and max_length is 24");
        Path full = folder.resolve("full");
        Captured whole = calls.train(
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

    private static List<Double> numbers(Captured told) {
        assertEquals(0, told.status(), told.err());
        return told.out()
                .lines()
                .map(line -> Double.parseDouble(line.split("\t")[0]))
                .toList();
    }
}
