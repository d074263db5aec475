package org.loft4j.cli.demo;

import java.util.List;
import org.loft4j.cli.report.Figure;
import org.loft4j.cli.report.LineChart;

/** Draws training loss and validation accuracy of all runs side by side. */
final class LearningCurves {
    private LearningCurves() {}

    static Figure figure(List<DemoRun> runs) {
        double window = Math.max(1, runs.get(0).trainLoss().x().size() / 20.0);
        LineChart loss = new LineChart("training loss, smoothed", "optimizer step", "loss").fromZero();
        LineChart accuracy = new LineChart("validation accuracy, rules not trained on", "optimizer step", "accuracy")
                .fromZero()
                .marked();
        for (DemoRun run : runs) {
            loss.line(run.title(), run.trainLoss().smoothed(window));
            accuracy.line(run.title(), run.accuracy());
        }
        return new Figure("learning curves", List.of(loss, accuracy), 2);
    }
}
