package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.loft4j.train.Divergence;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainResult;

class TrainReportTest {
    @Test
    void howToGoOnCanBePastedWhereThePathHasBlanks() {
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        TrainReport report = new TrainReport("models/MiniLM", Path.of("int b"), config);
        String late = report.late(3, Path.of("int b", "checkpoint-1"));
        assertTrue(late.contains(" train --config \"" + Path.of("int b", "config.yaml") + "\" --resume"), late);
    }

    @Test
    void toGoOnRegardlessIsOfNoUseWhereStepsWereSkipped() {
        TrainReport report = new TrainReport(
                "m", Path.of("r"), TrainConfig.builder(Method.LORA).build());
        assertTrue(report.end(diverged(7.5), null).contains("--divergence-factor 0"));
        String skipped = report.end(diverged(Double.NaN), null);
        assertTrue(skipped.contains("--resume --learning-rate"), skipped);
        assertFalse(skipped.contains("--divergence-factor"), skipped);
    }

    private static TrainResult diverged(double loss) {
        Divergence divergence = new Divergence(11, loss, 1.5, 9, null);
        Map<String, Double> none = Map.of();
        return new TrainResult(
                TrainResult.Outcome.DIVERGED, 110, 200, 0, 0, 0, none, none, 1, 1, Path.of("r"), null, divergence);
    }
}
