package org.loft4j.cli.reproduce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
        results.add(new TrialResult(
                new Trial(Contender.parse("lora"), 4, rate, 0),
                null,
                Map.of(),
                Map.of("accuracy", accuracy, "loss", loss),
                Map.of("accuracy", 0.5, "loss", 1.0),
                false,
                0L,
                new TrialResult.Cost(1, 1, 1, 1, 1),
                new Curve(),
                List.of(),
                Map.of()));
    }

    /** Accuracies of a few hundred rows are often equal. */
    @Test
    void ofEqualScoresTheSmallerLossDecides() {
        run(1e-4, 0.8, 0.9);
        run(1e-3, 0.8, 0.5);
        run(1e-2, 0.7, 0.1);
        for (String metric : List.of("accuracy", "loss")) {
            Dataset rows = Dataset.classificationIds(List.of(new int[] {3, 4}), new int[] {0});
            ComparisonData data = new ComparisonData(new TrainData(rows, rows, 0, 16), rows);
            ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);
            RealTask task = new RealTask(Path.of("model"), options, data, metric, Map.of());
            TaskResults.Cell best = new TaskResults(task, results, Map.of()).best("lora", 4);
            assertNotNull(best);
            assertEquals(metric.equals("accuracy") ? 1e-3 : 1e-2, best.rate(), metric);
        }
    }
}
