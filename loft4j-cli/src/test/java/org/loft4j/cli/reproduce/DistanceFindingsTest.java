package org.loft4j.cli.reproduce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.cli.report.Curve;
import org.loft4j.io.Json;
import org.loft4j.train.UpdateDistance;

class DistanceFindingsTest {
    /** @param errors relative errors after the steps 10, 20, … */
    private static DistanceRow row(String method, long seed, double score, double... errors) {
        TreeMap<Long, UpdateDistance> bySteps = new TreeMap<>();
        for (int i = 0; i < errors.length; i++) {
            UpdateDistance.Layer layer =
                    new UpdateDistance.Layer("model.0.query", errors[i] * errors[i], 1 - errors[i], 1, 1);
            bySteps.put(10L * (i + 1), new UpdateDistance(List.of(layer)));
        }
        String failure = Double.isNaN(score) ? "not finite" : null;
        return new DistanceRow(method, method, method, 4, 1e-3, seed, score, failure, 3L, bySteps);
    }

    private static Findings of(DistanceRow... rows) {
        return new DistanceFindings(List.of(rows), List.of(), List.of(1e-3), "accuracy", Map.of()).findings();
    }

    @Test
    void aRunThatWasGivenUpIsNotInWhatIsToldOfTheLastStep() {
        Findings findings = of(
                row("loft", 0, Double.NaN, 0.9),
                row("loft", 1, 0.8, 0.5, 0.25),
                row("lora", 0, 0.5, 0.5, 0.75),
                row("lora", 1, 0.7, 0.5, 0.25),
                row("lost", 0, Double.NaN, 0.9));
        List<List<String>> last = findings.tables().get(0).rows();
        assertEquals(List.of("loft", "4", "1e-3", "1 of 2", "0.250", "0.750", "1.000", "80.00"), last.get(0));
        assertEquals(
                List.of("2", "0.500 ± 0.354", "0.500 ± 0.354", "1.000 ± 0.000"),
                last.get(1).subList(3, 7));
        assertEquals(List.of("0 of 1", "–", "–", "–", "–"), last.get(2).subList(3, 8));
        assertEquals(
                List.of("method", "step 10", "step 20"),
                findings.tables().get(1).headings());
        assertEquals(
                List.of("loft, rank 4", "0.70 / 0.30", "0.25 / 0.75"),
                findings.tables().get(1).rows().get(0));
        assertEquals("0.75", findings.tables().get(2).rows().get(0).get(1));
        assertEquals("–", findings.tables().get(2).rows().get(2).get(1));
        String note = findings.notes().get(1);
        assertTrue(
                note.endsWith("looked at last: loft, rank 4, learning rate 1e-3, seed 0 (step 10);"
                        + " lost, rank 4, learning rate 1e-3, seed 0 (step 10)."),
                note);
    }

    private static TrialResult result(String method, int rank, @Nullable String failure, @Nullable Long skipped) {
        return new TrialResult(
                new Trial(Contender.parse(method), rank, 1e-3, 0, 0),
                failure,
                Map.of(),
                Map.of(),
                failure == null ? Map.of("accuracy", 0.75, "loss", 0.5) : Map.of(),
                false,
                skipped,
                new TrialResult.Cost(1, 1, 1, 1, 1, 0),
                new Curve(),
                new Curve(),
                List.of(),
                Map.of());
    }

    /** The distance after a last step that moved nothing is that of an earlier one. */
    @Test
    void runsThatFailedAndStepsThatMovedNothingAreNamed() {
        List<TrialResult> results = List.of(
                result("full", 0, null, 2L), result("loft", 4, "not finite", null), result("lora", 4, null, 0L));
        Findings findings = new DistanceFindings(
                        List.of(row("loft", 0, Double.NaN, 0.9), row("lora", 0, 0.5, 0.9)),
                        results,
                        List.of(1e-3),
                        "accuracy",
                        Map.of())
                .findings();
        assertEquals(
                List.of(
                        "Mean ± standard deviation over the seeds.",
                        "Could not be trained to their end: LoFT, rank 4, learning rate 1e-3, seed 0 (not finite).",
                        "Steps that moved nothing, for their gradient was not finite: full fine-tuning, learning rate 1e-3,"
                                + " seed 0 (2)."),
                findings.notes());
    }

    @Test
    void theNumbersSayWhatFailed() throws IOException {
        Findings findings = of(row("loft", 0, Double.NaN, 0.9), row("lora", 0, 0.5, 0.9));
        String results = Json.text(findings.values());
        assertTrue(results.contains("\"test_score\":null,\"failure\":\"not finite\",\"skipped_steps\":3"), results);
        assertTrue(results.contains("\"test_score\":0.5,\"failure\":null,\"skipped_steps\":3"), results);
    }

    @Test
    void aRateOfWhichNoRunLeftADistanceHasNoCharts() {
        DistanceRow given = row("loft", 0, Double.NaN);
        DistanceRow kept = row("loft", 0, 0.5, 0.5);
        Findings findings = new DistanceFindings(
                        List.of(given, kept), List.of(), List.of(1e-3, 1e-2), "accuracy", Map.of())
                .findings();
        assertEquals(3, findings.figure().charts().size());
        assertEquals(List.of(), findings.tables().get(3).rows());
        Findings none = new DistanceFindings(List.of(given), List.of(), List.of(1e-3), "accuracy", Map.of()).findings();
        assertEquals(List.of(), none.figure().charts());
    }

    /** Words have an accuracy too, and their table another heading. */
    @Test
    void theScoreIsThatOfTheHeading(@TempDir Path output) throws IOException {
        TrialResult result = result("lora", 4, null, 0L);
        for (String metric : List.of("loss", "accuracy")) {
            assertEquals(
                    result.test(metric),
                    DistanceRow.of(Distance.Part.METHODS, result, metric, output)
                            .score());
        }
    }

    @Test
    void whereAllCameToTheEndNothingIsNoted() {
        assertEquals(
                1,
                of(row("loft", 0, 0.8, 0.5), row("loft", 1, 0.8, 0.5)).notes().size());
    }

    /** A file has the layers by name; a line through them in that order would run back and forth. */
    @Test
    void aLineOverTheLayersGoesFromTheInputToTheOutput() {
        List<String> order = List.of("query", "key", "value");
        List<UpdateDistance.Layer> byName = List.of(
                new UpdateDistance.Layer("key", 0, 0.2, 1, 1),
                new UpdateDistance.Layer("query", 0, 0.1, 1, 1),
                new UpdateDistance.Layer("value", 0, 0.3, 1, 1));
        Curve curve = DistanceFindings.cosines(new UpdateDistance(byName), order);
        assertEquals(List.of(1.0, 2.0, 3.0), curve.x());
        assertEquals(List.of(0.1, 0.2, 0.3), curve.y());
    }
}
