package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** A model, rows of which the red ball is right, and the calls by which it is trained to rank them, and judged. */
record RankingCalls(Path folder, String model) {
    private static final ObjectMapper JSON = new ObjectMapper();

    static RankingCalls ofEncoder(Path folder) throws IOException {
        return new RankingCalls(
                folder, TinyModels.encoder(folder.resolve("model")).toString());
    }

    /** Of each row the red ball is right, and one or two others are not. */
    Path matches() throws IOException {
        StringBuilder triples = new StringBuilder();
        for (int i = 0; i < 48; i++) {
            String other = i % 2 == 0 ? "" : ",\"green ball " + i + "\"";
            triples.append("{\"anchor\":\"which one\",\"positive\":\"" + right(i) + "\",\"negative\":[\"" + wrong(i)
                    + "\"" + other + "]}\n");
        }
        return Files.writeString(folder.resolve("matches.jsonl"), triples);
    }

    /** The same as preferences. */
    Path answers() throws IOException {
        StringBuilder pairs = new StringBuilder();
        for (int i = 0; i < 48; i++) {
            pairs.append(
                    "{\"prompt\":\"which one\",\"chosen\":\"" + right(i) + "\",\"rejected\":\"" + wrong(i) + "\"}\n");
        }
        return Files.writeString(folder.resolve("answers.jsonl"), pairs);
    }

    private static String right(int row) {
        return "red ".repeat(4) + "ball " + row;
    }

    private static String wrong(int row) {
        return "blue ".repeat(4) + "ball " + row;
    }

    Captured train(Path data, String output, String... more) {
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

    JsonNode eval(Path data, String run) throws IOException {
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

    Captured predict(String run, String... more) {
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

    static void assertRefused(Captured call, String why) {
        assertTrue(call.status() == 1 || call.status() == 2, call.err());
        assertTrue(call.err().contains(why), call.err());
    }
}
