package org.loft4j.cli.reproduce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.loft4j.cli.compare.ComparisonData;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.cli.report.Curve;
import org.loft4j.data.Dataset;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.train.TrainData;

class TaskResultsTest {
    private final List<TrialResult> results = new ArrayList<>();

    private void run(double rate, double accuracy, double loss) {
        Map<String, Double> validation = Map.of("accuracy", accuracy, "loss", loss);
        run("lora", 4, rate, null, validation, Map.of("accuracy", 0.5, "loss", 1.0), 1);
    }

    private void run(
            String method,
            int rank,
            double rate,
            @Nullable String failure,
            Map<String, Double> validation,
            Map<String, Double> test,
            double seconds) {
        results.add(new TrialResult(
                new Trial(Contender.parse(method), rank, rate, 0, 0),
                failure,
                Map.of(),
                validation,
                test,
                false,
                failure == null ? 2L : null,
                new TrialResult.Cost(seconds, 1, 1, 1, 1, 0),
                new Curve(),
                new Curve(),
                List.of(),
                Map.of()));
    }

    private TaskResults by(String metric) {
        Dataset rows = Dataset.classificationIds(List.of(new int[] {3, 4}), new int[] {0});
        ComparisonData data = new ComparisonData(new TrainData(rows, rows, 0, 16), rows);
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);
        return new TaskResults(new RealTask(Path.of("model"), options, data, metric, Map.of()), results, Map.of());
    }

    /** Accuracies of a few hundred rows are often equal. */
    @Test
    void ofEqualScoresTheSmallerLossDecides() {
        run(1e-4, 0.8, 0.9);
        run(1e-3, 0.8, 0.5);
        run(1e-2, 0.7, 0.1);
        for (String metric : List.of("accuracy", "loss")) {
            TaskResults.Cell best = by(metric).best("lora", 4);
            assertNotNull(best);
            assertEquals(metric.equals("accuracy") ? 1e-3 : 1e-2, best.rate(), metric);
        }
    }

    @Test
    void theLossOfALanguageModelIsShownOnce() {
        run(1e-3, 0.8, 0.5);
        assertEquals(
                List.of("method", "rank", "learning rate", "seeds", "test loss", "seconds"),
                by("loss").headings());
        TaskResults both = by("accuracy");
        assertEquals(
                List.of("method", "rank", "learning rate", "seeds", "test accuracy %", "test loss", "seconds"),
                both.headings());
        assertEquals(
                List.of("LoRA", "4", "1e-3", "1", "50.00", "1.0000", "1.0"),
                both.row(both.cells().get(0)));
    }

    /** It was missing without a word. */
    @Test
    void aRankAtWhichEveryRateFailedIsToldOf() {
        Map<String, Double> scores = Map.of("accuracy", 0.8, "loss", 0.5);
        run("full", 0, 1e-4, null, scores, scores, 1);
        run("loft", 4, 1e-4, null, scores, scores, 1);
        run("lora", 4, 1e-1, "not finite", Map.of(), Map.of(), Double.NaN);
        TaskResults results = by("accuracy");
        assertEquals("–", results.row(results.of("lora").get(0)).get(6), "seconds");
        ReproduceSettings settings = new ReproduceSettings(List.of(), List.of(), List.of(4), List.of(), 0, false);
        assertEquals(
                List.of(
                        "Mean ± standard deviation over the seeds.",
                        "Could not be trained to their end: LoRA, rank 4, learning rate 1e-1, seed 0 (not finite).",
                        "Steps that moved nothing, for their gradient was not finite: full fine-tuning, learning rate 1e-4,"
                                + " seed 0 (2); LoFT, rank 4, learning rate 1e-4, seed 0 (2).",
                        "At no learning rate was every seed trained to its end, so there is no best one: LoRA, rank 4."),
                new RankPlan(settings).findings(results).notes());
        assertEquals(List.of("not finite"), results.trees().get(2).get("failures"));
    }
}
