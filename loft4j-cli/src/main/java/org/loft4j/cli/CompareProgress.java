package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import org.loft4j.cli.compare.ComparisonListener;
import org.loft4j.cli.compare.Metric;
import org.loft4j.cli.compare.Remaining;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.train.TrainListener;

/** Shows a comparison as it goes: the run in progress, a line for each that is finished, and what remains. */
final class CompareProgress implements ComparisonListener {
    private final PrintWriter err;
    private final String metric;
    private final boolean testGiven;
    private final Agreement agreement;
    private final Runnable start;
    private boolean started;

    /** What is done once a comparison may begin. */
    @FunctionalInterface
    interface Agreement {
        void run() throws IOException;
    }

    /**
     * @param testGiven whether test rows were given
     * @param start what is done before the first run, if there is one
     */
    CompareProgress(PrintWriter err, String metric, boolean testGiven, Agreement agreement, Runnable start) {
        this.testGiven = testGiven;
        this.err = err;
        this.metric = metric;
        this.agreement = agreement;
        this.start = start;
    }

    @Override
    public void onAgreement() throws IOException {
        agreement.run();
    }

    @Override
    public TrainListener onStart(Trial trial, Remaining remaining) {
        if (!started) {
            started = true;
            start.run();
        }
        err.println(trial.title() + ": " + left(remaining));
        err.flush();
        return Terminal.progress(err);
    }

    @Override
    public void onFinish(TrialResult result, Remaining remaining) {
        String failure = result.failure();
        err.println(result.trial().title() + ": "
                + (failure != null
                        ? "failed: " + failure
                        : String.format(
                                Locale.ROOT,
                                "%s%s %s, %.1f s",
                                judgedApart(result)
                                        ? "validation " + Metric.text(metric, result.validation(metric)) + ", test "
                                        : "held-out ",
                                Metric.text(metric, result.test(metric)),
                                Metric.heading(metric),
                                result.cost().wallSeconds())));
        err.flush();
    }

    @Override
    public void onWait(int held) {
        err.println("waiting for " + held + " runs of other processes, on which the rest depends");
        err.flush();
    }

    /** Whether the test rows are others than those of the fold that is held out. */
    private boolean judgedApart(TrialResult result) {
        return result.trial().fold() == 0 || testGiven;
    }

    /** {@code 12 runs to go, about 25 min}. */
    static String left(Remaining remaining) {
        String runs = remaining.trials() + (remaining.trials() == 1 ? " run" : " runs") + " to go";
        if (!Double.isFinite(remaining.seconds())) {
            return runs;
        }
        long minutes = Math.round(remaining.seconds() / 60);
        String time = minutes < 1
                ? "under a minute"
                : minutes < 90
                        ? "about " + minutes + " min"
                        : String.format(Locale.ROOT, "about %.1f h", remaining.seconds() / 3600);
        return runs + ", " + time + (remaining.processes() > 1 ? " for " + remaining.processes() + " processes" : "");
    }
}
