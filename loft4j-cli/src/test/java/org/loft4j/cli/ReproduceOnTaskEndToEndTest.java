package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.train.RunLock;

/** The experiments on a real task, on one that is not. */
class ReproduceOnTaskEndToEndTest {
    @TempDir
    Path directory;

    private Path model;
    private Path rows;

    @BeforeEach
    void makeTheTask() throws IOException {
        model = TinyModels.encoder(directory.resolve("model"));
        rows = TinyModels.colours(directory.resolve("rows.csv"), 40);
    }

    private JsonNode reproduce(String name, String... more) throws IOException {
        Captured captured = call(name, more);
        assertEquals(0, captured.status(), captured.err());
        assertTrue(Files.size(directory.resolve(name).resolve(name + ".png")) > 1000);
        return new ObjectMapper().readTree(captured.out());
    }

    private Captured call(String name, String... more) {
        List<String> call = new ArrayList<>(List.of(
                "reproduce",
                name,
                "--model",
                model.toString(),
                "--data",
                rows.toString(),
                "--eval-data",
                rows.toString(),
                "--test-data",
                rows.toString(),
                "--json",
                "--output",
                directory.resolve(name).toString(),
                "--max-steps",
                "4",
                "--seeds",
                "3"));
        call.addAll(Arrays.asList(more));
        return Captured.loft(call.toArray(String[]::new));
    }

    @Test
    void alphaMovesLoraAndNotLoft() throws IOException {
        JsonNode found = reproduce("alpha", "--quick", "--learning-rate", "1e-2", "--ranks", "2");
        assertEquals(6, found.get("results").size());
        double loft = found.at("/range_over_alpha/LoFT, η = 1e-2/loss").asDouble(Double.NaN);
        double lora = found.at("/range_over_alpha/LoRA, η = 1e-2/loss").asDouble(Double.NaN);
        assertTrue(loft <= 1e-4, "LoFT's loss moves by " + loft);
        assertTrue(lora > 1e-3, "LoRA's loss moves by " + lora);
    }

    @Test
    void eachRankHasItsCell() throws IOException {
        JsonNode found = reproduce("rank", "--ranks", "1,3", "--learning-rate", "1e-3,1e-2");
        // full at two rates; LoFT and LoRA at two ranks and two rates
        assertEquals(2 + 8, found.get("results").size());
        assertEquals(1, found.at("/results/0/test_accuracy").size());
    }

    @Test
    void theAblationLeavesEachBlockOut() throws IOException {
        JsonNode found = reproduce("ablation", "--learning-rate", "1e-3", "--ranks", "2");
        assertEquals(9, found.get("results").size());
        assertEquals("LoFT without alternation", found.at("/results/1/title").asText());
        assertEquals("alternation", found.at("/results/1/options/without").asText());
    }

    /** A rank that is as large as the matrices: the best change of that rank is full fine-tuning's own. */
    @Test
    void distancesAreThoseOfTheSameStepsAndNothingIsRunTwice() throws IOException {
        String[] settings = {"--methods", "loft,lora", "--ranks", "32", "--learning-rate", "1e-3"};
        JsonNode found = reproduce("distance", settings);
        assertEquals(4, found.get("results").size());
        for (JsonNode row : found.get("results")) {
            JsonNode last = row.get("distances").get(row.get("distances").size() - 1);
            assertEquals(4, last.get("step").asLong());
            // six matrices in each of two layers, and the pooler
            assertEquals(13, last.get("layers").size());
            double error = last.get("relative_error").asDouble();
            double cosine = last.get("cosine").asDouble();
            if (row.get("name").asText().equals("best")) {
                assertEquals(0, error, 1e-6);
                assertEquals(1, cosine, 1e-6);
            } else {
                assertTrue(error > 0 && cosine < 1, row.toString());
            }
        }
        Path reference = directory.resolve("distance/reference/runs/full-1e-3-s3/result.json");
        var before = Files.getLastModifiedTime(reference);
        JsonNode again = reproduce("distance", settings);
        assertEquals(found.get("results"), again.get("results"));
        assertEquals(before, Files.getLastModifiedTime(reference));
    }

    /** Nobody has stopped it. */
    @Test
    void whereOthersHoldTheRestItEndsWell() throws IOException {
        Path runs = directory.resolve("rank/runs");
        try (RunLock full = RunLock.tryAcquire(runs.resolve("full-1e-3-s3"));
                RunLock loft = RunLock.tryAcquire(runs.resolve("loft-1-1e-3-s3"));
                RunLock lora = RunLock.tryAcquire(runs.resolve("lora-1-1e-3-s3"))) {
            Captured captured = call("rank", "--ranks", "1", "--learning-rate", "1e-3");
            assertTrue(captured.err().contains("other processes are still at work"), captured.err());
            assertEquals(0, captured.status());
            assertEquals("", captured.out());
        }
    }

    @Test
    void aHalfTaskIsRefused() {
        Captured captured = Captured.loft("reproduce", "alpha", "--model", model.toString());
        assertEquals(2, captured.status());
        assertTrue(captured.err().contains("go together"), captured.err());
    }
}
