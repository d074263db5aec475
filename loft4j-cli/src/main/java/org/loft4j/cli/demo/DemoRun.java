package org.loft4j.cli.demo;

import org.jspecify.annotations.Nullable;
import org.loft4j.cli.report.Curve;
import org.loft4j.train.Evaluation;
import org.loft4j.train.Method;

/**
 * What one method did.
 *
 * @param method that was trained
 * @param learningRate its peak
 * @param trained number of parameters that were trained, the head's among them
 * @param trainLoss loss of each step's batch
 * @param accuracy share of the validation sentences judged right, after some of the steps
 * @param test result on the test sentences, after the last step
 * @param seconds of training, without the evaluations
 * @param peakBytes largest resident memory of the process after a step
 * @param skipped steps that moved nothing, for their gradient was not finite
 * @param failure why it was given up, and left neither adapter nor model; null where it came to its end
 */
public record DemoRun(
        Method method,
        double learningRate,
        long trained,
        Curve trainLoss,
        Curve accuracy,
        Evaluation test,
        double seconds,
        long peakBytes,
        long skipped,
        @Nullable String failure) {
    /** The method's name as papers write it. */
    String title() {
        return title(method);
    }

    static String title(Method method) {
        return method.title();
    }
}
