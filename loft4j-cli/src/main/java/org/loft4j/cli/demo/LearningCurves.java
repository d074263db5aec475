package org.loft4j.cli.demo;

import java.io.IOException;
import java.util.List;
import org.loft4j.cli.report.LineChart;

/** Draws training loss and validation accuracy of all runs side by side. */
final class LearningCurves {
    private LearningCurves() {}

    /** The picture as a PNG file's bytes. */
    static byte[] png(List<DemoRun> runs) throws IOException {
        double window = Math.max(1, runs.get(0).trainLoss().x().size() / 20.0);
        LineChart loss = new LineChart("training loss, smoothed", "optimizer step", "loss").fromX(0);
        LineChart accuracy = new LineChart("validation accuracy, rules not trained on", "optimizer step", "accuracy")
                .fromX(0)
                .marked();
        for (DemoRun run : runs) {
            loss.line(run.title(), run.trainLoss().smoothed(window));
            accuracy.line(run.title(), run.accuracy());
        }
        return LineChart.png(List.of(loss, accuracy));
    }
}
