package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
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
        assertTrue(report.end(diverged(7.5), null, false).contains("--divergence-factor 0"));
        String skipped = report.end(diverged(Double.NaN), null, false);
        assertTrue(skipped.contains("--resume --learning-rate"), skipped);
        assertFalse(skipped.contains("--divergence-factor"), skipped);
    }

    @Test
    void whatToCallNextAsksAsWasLearnt() throws IOException {
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        TrainReport report = new TrainReport("m", Path.of("r"), config);
        Map<String, Double> none = Map.of();
        TrainResult done = new TrainResult(
                TrainResult.Outcome.FINISHED, 1, 1, 0, 0, 0, none, none, 1, 1, Path.of("r"), null, null);
        try (Model model = Models.open(Fixtures.of("bert_cls"), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            assertTrue(report.end(done, model, true)
                    .endsWith(" predict --model m --adapter r --text \"…\" --text-pair \"…\"\n"));
            assertTrue(report.end(done, model, false).endsWith(" predict --model m --adapter r --text \"…\"\n"));
        }
    }

    private static TrainResult diverged(double loss) {
        Divergence divergence = new Divergence(11, loss, 1.5, 9, null);
        Map<String, Double> none = Map.of();
        return new TrainResult(
                TrainResult.Outcome.DIVERGED, 110, 200, 0, 0, 0, none, none, 1, 1, Path.of("r"), null, divergence);
    }
}
