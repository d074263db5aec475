package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A language model as a classifier of texts and of words, and an encoder as one of words: train, judge, predict. */
class EveryTaskEndToEndTest {
    private static final Path STORIES = Fixtures.of("stories260K");

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"lora", "full"})
    void aLanguageModelLearnsToClassifyTexts(String method) throws Exception {
        Path rows = TinyModels.colours(folder.resolve("colours.csv"), 64);
        Path run = train(STORIES, rows, "sequence-classification", method);
        String[] where = method.equals("full") ? new String[] {"--model", run.toString()} : adapter(run);
        Path file = folder.resolve("told.jsonl");
        JsonNode scores = json(where, "eval", "--data", rows.toString(), "--predictions", file.toString());
        assertTrue(scores.get("accuracy").asDouble() > 0.95, scores.toString());
        JsonNode told = ToldRows.of(file, scores, null).get(1);
        assertEquals(3, told.get("line").asInt());
        assertEquals("blue", told.get("predicted").asText());
        assertEquals(told.at("/probabilities/blue"), told.get("probability"));
        assertEquals(
                Math.exp(-told.get("loss").asDouble()), told.get("probability").asDouble(), 1e-9);
        JsonNode predicted = json(where, "predict", "--text", "blue blue ball").get("predictions");
        assertEquals("blue", predicted.get(0).get("label").asText());
        Path both = Files.writeString(folder.resolve("both.csv"), "text,text_pair,label\nblue ball,red box,blue\n");
        String notice =
                "loft: the model was trained on single texts, and pairs are asked: --text-column names the one to read"
                        + " alone\n";
        for (String verb : List.of("eval", "predict")) {
            Captured pairs = Captured.loft(arguments(where, verb, "--data", both.toString()));
            assertEquals(0, pairs.status(), pairs.err());
            assertEquals(notice, pairs.err(), verb);
            Captured alone = Captured.loft(arguments(where, verb, "--data", both.toString(), "--text-column", "text"));
            assertEquals(0, alone.status(), alone.err());
            assertEquals("", alone.err(), verb);
        }
    }

    /** Whether two colours are the same is in neither text alone; the second is told to be the ball's. */
    @Test
    void pairsOfTextsAreClassified() throws Exception {
        Path rows = folder.resolve("pairs.csv");
        StringBuilder csv = new StringBuilder("first,second,label\n");
        for (int i = 0; i < 64; i++) {
            String colour = i % 2 == 0 ? "red" : "blue";
            String other = i % 2 == 0 ? "blue" : "red";
            csv.append((other + " ").repeat(1 + i % 3) + "box," + (colour + " ").repeat(1 + i % 4) + "ball," + colour)
                    .append('\n');
        }
        Files.writeString(rows, csv);
        String[] columns = {"--text-column", "first", "--text-pair-column", "second"};
        Path run = train(STORIES, rows, "sequence-classification", "lora", columns);
        JsonNode scores = json(adapter(run), arguments(columns, "eval", "--data", rows.toString()));
        assertTrue(scores.get("accuracy").asDouble() > 0.95, scores.toString());
        JsonNode predicted = json(adapter(run), arguments(columns, "predict", "--data", rows.toString()))
                .get("predictions");
        assertEquals(64, predicted.size());
        assertEquals("blue box", predicted.get(0).get("text").asText());
        assertEquals("red ball", predicted.get(0).get("text_pair").asText());
        assertEquals("red", predicted.get(0).get("label").asText());
        Captured plain =
                Captured.loft(arguments(adapter(run), "predict", "--text", "red box", "--text-pair", "blue blue ball"));
        assertEquals(0, plain.status(), plain.err());
        assertTrue(plain.out().matches("blue\\t0\\.\\d+\\tred box\\tblue blue ball\\R"), plain.out());
        assertEquals("", plain.err());
        Captured alone = Captured.loft(arguments(adapter(run), "predict", "--text", "red box", "--text", "blue box"));
        assertEquals(0, alone.status(), alone.err());
        assertEquals(
                "loft: the model was trained on pairs of texts, and single ones are asked: give the second by --text-pair,"
                        + " or by rows that have both (text_pair, or --text-pair-column)\n",
                alone.err());
        Captured halves =
                Captured.loft(arguments(adapter(run), "eval", "--data", rows.toString(), "--text-column", "second"));
        assertEquals(0, halves.status(), halves.err());
        assertEquals(
                "loft: the model was trained on pairs of texts, and the rows have single ones: name the column of the second"
                        + " (--text-pair-column)\n",
                halves.err());
        Captured written =
                Captured.loft(arguments(columns, "generate", "--model", STORIES.toString(), "--data", rows.toString()));
        assertTrue(
                written.err().contains("pairs.csv, line 2: is a pair of texts, and one text is continued"),
                written.err());
        Path single = TinyModels.colours(folder.resolve("colours.csv"), 8);
        Captured apart = Captured.loft(arguments(
                new String[] {
                    "--eval-data",
                    single.toString(),
                    "--output",
                    folder.resolve("x").toString()
                },
                "train",
                "--model",
                STORIES.toString(),
                "--task",
                "sequence-classification",
                "--data",
                Files.writeString(folder.resolve("p.csv"), "text,text_pair,label\na,b,c\n")
                        .toString()));
        assertTrue(apart.err().contains("and the rows to learn from hold pairs of texts"), apart.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"decoder", "encoder"})
    void wordsAreTagged(String kind) throws Exception {
        Path model = kind.equals("decoder") ? STORIES : TinyModels.encoder(folder.resolve("bert"));
        Path rows = folder.resolve("tags.jsonl");
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 64; i++) {
            String who = i % 2 == 0 ? "Lily" : "Tim";
            lines.append("{\"tokens\": [\"")
                    .append(i % 3 == 0 ? "then" : "so")
                    .append("\", \"")
                    .append(who)
                    .append(
                            "\", \"saw\", \"a\", \"red\", \"ball\"], \"tags\": [\"O\", \"B-PER\", \"O\", \"O\", \"O\", \"O\"]}\n");
        }
        Files.writeString(rows, lines);
        boolean pretrained = kind.equals("decoder");
        Path run = train(model, rows, "token-classification", pretrained ? "lora" : "full");
        String[] where = pretrained ? adapter(run) : new String[] {"--model", run.toString()};
        Path file = folder.resolve("told.jsonl");
        JsonNode scores = json(where, "eval", "--data", rows.toString(), "--predictions", file.toString());
        JsonNode told = ToldRows.of(file, scores, "predicted").get(0);
        assertEquals(told.get("tags"), told.get("predicted"));
        assertEquals(6, told.get("probabilities").size());
        assertTrue(scores.get("f1").asDouble() > 0.95, scores.toString());
        // what is told stands at its word, where others have no token or lie too far behind
        Path odd = Files.writeString(
                folder.resolve("odd.jsonl"),
                "{\"tokens\": [\"so\", \"Tim\", \"a\", \"ball\"], \"tags\": [\"O\", \"B-PER\", \"O\", \"O\"]}\n");
        Path short3 = folder.resolve("short.jsonl");
        JsonNode few =
                json(where, "eval", "--data", odd.toString(), "--max-length", "3", "--predictions", short3.toString());
        JsonNode some = ToldRows.of(short3, few, "predicted").get(0);
        assertEquals(4, some.get("predicted").size(), some.toString());
        assertEquals(4, some.get("probabilities").size(), some.toString());
        assertEquals("B-PER", some.get("predicted").get(1).asText(), some.toString());
        assertTrue(some.get("predicted").get(3).isNull(), some.toString());
        assertTrue(some.get("probabilities").get(3).isNull(), some.toString());
        Captured call = Captured.loft(arguments(where, "predict", "--text", "then Tim saw a red ball"));
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().lines().anyMatch(line -> line.matches("B-PER\t0\\.\\d+\tTim")), call.out());
        assertEquals(6, call.out().lines().count());
        assertEquals("", call.err());
        Path asked = Files.writeString(folder.resolve("asked.jsonl"), "{\"tokens\": [\"then\", \"Tim saw\", \"a\"]}\n");
        Captured given = Captured.loft(arguments(where, "predict", "--data", asked.toString()));
        assertEquals(
                List.of("then", "Tim saw", "a"),
                given.out().lines().map(line -> line.split("\t")[2]).toList());
        assertEquals("", given.err());
        Captured cut = Captured.loft(
                arguments(where, "predict", "--text", "then Tim saw a red ball", "--text", "so", "--max-length", "4"));
        assertEquals(0, cut.status(), cut.err());
        // of both texts, with a blank line between
        long shown = cut.out().lines().filter(line -> !line.isEmpty()).count();
        assertTrue(
                cut.err()
                        .endsWith(
                                "loft: " + (7 - shown)
                                        + " words of 1 text are left out, which lie beyond 4 tokens (--max-length) or have none\n"),
                cut.err());
        Captured pair = Captured.loft(arguments(where, "predict", "--text", "a", "--text-pair", "b"));
        assertTrue(pair.err().contains("--text-pair-column are for classifiers of texts"), pair.err());
    }

    /** Evaluations of such labels have no f1: a run would wait for one in vain. */
    @ParameterizedTest
    @ValueSource(strings = {"train", "compare"})
    void scoresOfEntitiesChooseNothingWhereTagsAreNone(String verb) throws Exception {
        Path rows = folder.resolve("tags.jsonl");
        Files.writeString(
                rows,
                "{\"tokens\": [\"Lily\", \"saw\", \"Tim\"], \"tags\": [\"NOUN\", \"VERB\", \"NOUN\"]}\n".repeat(8));
        Path output = folder.resolve("out");
        String metric = verb.equals("train") ? "metric-for-best" : "metric";
        String[] where = {"--output", output.toString(), "--" + metric, "f1"};
        String[] more = verb.equals("train")
                ? new String[0]
                : new String[] {"--methods", "lora", "--learning-rates", "1e-3", "--test-data", rows.toString()};
        String[] call = arguments(
                where,
                verb,
                "--model",
                STORIES.toString(),
                "--data",
                rows.toString(),
                "--eval-data",
                rows.toString(),
                "--task",
                "token-classification");
        Captured captured = Captured.loft(arguments(more, call));
        assertEquals(2, captured.status(), captured.err());
        assertTrue(
                captured.err().contains("must be one of loss, accuracy, macro_f1 for this task, got f1"),
                captured.err());
        assertTrue(captured.err().contains("no tags of entities"), captured.err());
        assertFalse(Files.exists(output.resolve(TrainCommand.SETTINGS)), "refused, and yet begun");
    }

    @Test
    void aTaskThatTheModelCannotDoIsRefused() throws Exception {
        Path rows = TinyModels.colours(folder.resolve("colours.csv"), 8);
        Captured call = Captured.loft(
                "train",
                "--model",
                STORIES.toString(),
                "--data",
                rows.toString(),
                "--task",
                "image-classification",
                "--output",
                folder.resolve("x").toString());
        assertTrue(call.status() != 0);
        Captured unknown = Captured.loft(
                "train",
                "--model",
                STORIES.toString(),
                "--data",
                rows.toString(),
                "--task",
                "regression",
                "--output",
                folder.resolve("x").toString());
        assertEquals(2, unknown.status());
        assertTrue(unknown.err().contains("token-classification"), unknown.err());
    }

    private Path train(Path model, Path rows, String task, String method, String... more) {
        Path run = folder.resolve("run");
        Captured call = Captured.loft(arguments(
                more,
                "train",
                "--model",
                model.toString(),
                "--data",
                rows.toString(),
                "--eval-data",
                rows.toString(),
                "--task",
                task,
                "--method",
                method,
                "--learning-rate",
                method.equals("full") ? "2e-3" : "1e-2",
                "--rank",
                "4",
                "--epochs",
                "6",
                "--batch-size",
                "8",
                "--output",
                run.toString()));
        assertEquals(0, call.status(), call.err());
        return run;
    }

    private static String[] adapter(Path run) {
        return new String[] {"--adapter", run.toString()};
    }

    private static JsonNode json(String[] where, String... call) throws Exception {
        Captured captured = Captured.loft(Stream.concat(Stream.of(arguments(where, call)), Stream.of("--json"))
                .toArray(String[]::new));
        assertEquals(0, captured.status(), captured.err());
        return new ObjectMapper().readTree(captured.out());
    }

    private static String[] arguments(String[] where, String... call) {
        return Stream.concat(Stream.of(call), Stream.of(where)).toArray(String[]::new);
    }
}
