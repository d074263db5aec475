package org.loft4j.train;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * The state of a run on one line: share done, loss (an average of about the last ten steps), learning rate, tokens a second, resident memory, time left. On a terminal
 * the line is drawn over itself; elsewhere a plain line is printed now and then, so that a log file stays readable.
 */
public final class ProgressLine implements TrainListener {
    private static final int BAR = 20;
    private static final long REDRAW_NANOS = 100_000_000L;
    private static final long PLAIN_NANOS = 10_000_000_000L;
    private static final double SMOOTHING = 0.9;
    private static final int SKIPS_SHOWN = 5;

    private final PrintStream out;
    private final boolean terminal;
    private final int columns;
    private final LongSupplier nanos;
    private double weightedLoss;
    private double weightedReward;
    private double weights;
    private long lastDrawn;
    private boolean drawn;
    private boolean standing;
    private int skipped;

    /**
     * @param out where the line goes
     * @param terminal whether {@code out} is a terminal
     * @param columns width of the terminal in characters; a longer line is cut
     */
    public ProgressLine(PrintStream out, boolean terminal, int columns) {
        this(out, terminal, columns, System::nanoTime);
    }

    ProgressLine(PrintStream out, boolean terminal, int columns, LongSupplier nanos) {
        this.out = out;
        this.terminal = terminal;
        this.columns = Math.max(20, columns);
        this.nanos = nanos;
        this.lastDrawn = nanos.getAsLong();
    }

    @Override
    public void onStep(StepEvent event) {
        if (event.skipped()) {
            reportSkipped(event.step());
        } else {
            // divided by the weights, the first steps do not count for more than those after them
            weightedLoss = SMOOTHING * weightedLoss + (1 - SMOOTHING) * event.loss();
            weightedReward = SMOOTHING * weightedReward + (1 - SMOOTHING) * reward(event);
            weights = SMOOTHING * weights + (1 - SMOOTHING);
        }
        long now = nanos.getAsLong();
        boolean last = event.step() == event.totalSteps();
        if (!drawn || last || now - lastDrawn >= (terminal ? REDRAW_NANOS : PLAIN_NANOS)) {
            lastDrawn = now;
            drawn = true;
            draw(text(event), last);
        }
    }

    /** The mean reward of its answers, which tells how well it goes where there is one; else 0. */
    private static double reward(StepEvent event) {
        return event.scores().getOrDefault("reward", 0.0);
    }

    /** A short one shows nothing. */
    @Override
    public void onReferenceProgress(int done, int all) {
        progress("preferences before the first step", done, all, "answers");
    }

    /** In place of the step's line; a short evaluation shows nothing. */
    @Override
    public void onEvaluationProgress(long step, int done, int all) {
        progress("evaluation at step " + step, done, all, "rows");
    }

    private void progress(String of, int done, int all, String things) {
        long now = nanos.getAsLong();
        if (now - lastDrawn >= (terminal ? REDRAW_NANOS : PLAIN_NANOS)) {
            lastDrawn = now;
            int percent = (int) (100.0 * done / all);
            draw(String.format(Locale.ROOT, "%s: %3d%%  %d/%d %s", of, percent, done, all, things), false);
        }
    }

    @Override
    public void onEvaluation(long step, Evaluation evaluation, boolean best) {
        StringBuilder text = new StringBuilder("evaluation at step " + step + ":");
        evaluation.values().forEach((name, value) -> text.append(String.format(Locale.ROOT, "  %s %.4f", name, value)));
        note(text + (best ? "  (best)" : ""));
    }

    /** Leaves the line, so that what is said next is not written behind it. */
    @Override
    public void onEnd() {
        if (standing) {
            standing = false;
            out.print("\n");
            out.flush();
        }
    }

    private void reportSkipped(long step) {
        skipped++;
        if (skipped <= SKIPS_SHOWN) {
            String more = skipped == SKIPS_SHOWN ? "; further ones are only counted" : "";
            note("step " + step + " skipped: its gradient is not finite" + more);
        }
    }

    /** Prints a line of its own, above the progress line. */
    public void note(String text) {
        out.print((terminal ? "\r\u001b[K" : "") + text + "\n");
        out.flush();
        standing = false;
        lastDrawn = nanos.getAsLong() - PLAIN_NANOS;
    }

    private void draw(String line, boolean last) {
        if (terminal) {
            String cut = line.length() < columns ? line : line.substring(0, columns - 1);
            out.print("\r" + cut + "\u001b[K" + (last ? "\n" : ""));
        } else {
            out.print(line + "\n");
        }
        standing = terminal && !last;
        out.flush();
    }

    private String text(StepEvent event) {
        double done = (double) event.step() / event.totalSteps();
        StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT, "%3d%% ", (int) (100 * done)));
        if (terminal) {
            int filled = (int) (BAR * done);
            text.append("━".repeat(filled)).append("·".repeat(BAR - filled)).append(' ');
        }
        text.append(String.format(
                Locale.ROOT,
                "%d/%d  %s %.4f  lr %.2e  %,.0f %s/s  %s  %s left%s",
                event.step(),
                event.totalSteps(),
                event.scores().containsKey("reward") ? "reward" : "loss",
                (event.scores().containsKey("reward") ? weightedReward : weightedLoss) / weights,
                event.learningRate(),
                event.tokensPerSecond(),
                event.images() ? "img" : "tok",
                size(event.residentBytes()),
                duration(event.secondsLeft()),
                skipped == 0 ? "" : "  " + skipped + " skipped"));
        return text.toString();
    }

    /** {@code 912 MB}, {@code 1.4 GB}: powers of ten. */
    static String size(long bytes) {
        return bytes < 1_000_000_000
                ? String.format(Locale.ROOT, "%d MB", bytes / 1_000_000)
                : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
    }

    /** {@code 0:07}, {@code 12:30}, {@code 3:05:00}. */
    static String duration(double seconds) {
        if (!Double.isFinite(seconds)) {
            return "?";
        }
        long whole = Math.round(seconds);
        return whole < 3600
                ? String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60)
                : String.format(Locale.ROOT, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    }
}
