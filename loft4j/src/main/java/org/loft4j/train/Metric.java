package org.loft4j.train;

import java.io.IOException;
import org.loft4j.nn.Model;

/**
 * A score of one's own, measured at each evaluation beside the task's: {@link TrainData#withMetric} gives it a name, under which
 * it is logged and can choose the best evaluation. The larger, the better.
 */
@FunctionalInterface
public interface Metric {
    /**
     * Measures; it must leave the model as it is. Runs on the training thread, without dropout.
     *
     * @param model as it is now, its adapter included
     * @param evaluation what has been measured already; of a classifier, which class was taken for which
     * @return the score; NaN is never the best
     */
    double measure(Model model, Evaluation evaluation) throws IOException;
}
