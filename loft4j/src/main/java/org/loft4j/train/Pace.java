package org.loft4j.train;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.LongSupplier;

/**
 * How fast a run goes: the mean of its latest steps, and its last evaluation. Checkpoints do not count, nor does the first step of a
 * process, which warms everything up, once there are others.
 */
final class Pace {
    private static final int LATEST = 32;

    private record Step(double seconds, long tokens) {}

    private final LongSupplier nanos;
    /** The moment that it would have begun without its pauses. */
    private long born;

    private long left;
    private boolean resting;
    private final Deque<Step> latest = new ArrayDeque<>();
    private long stepStart;
    private long steps;
    private double evaluationSeconds;

    Pace() {
        this(System::nanoTime);
    }

    Pace(LongSupplier nanos) {
        this.nanos = nanos;
        this.born = nanos.getAsLong();
    }

    /** The time until {@link #goOn} is not the run's. */
    void rest() {
        if (!resting) {
            left = nanos.getAsLong();
            resting = true;
        }
    }

    void goOn() {
        if (resting) {
            resting = false;
            born += nanos.getAsLong() - left;
        }
    }

    void startStep() {
        stepStart = nanos.getAsLong();
    }

    void endStep(long tokens) {
        steps++;
        if (steps == 2 || latest.size() == LATEST) {
            latest.removeFirst();
        }
        latest.addLast(new Step((nanos.getAsLong() - stepStart) / 1e9, tokens));
    }

    /** That have ended in this process. */
    long steps() {
        return steps;
    }

    /** Of the step that has ended last. */
    double lastSeconds() {
        return latest.getLast().seconds();
    }

    double tokensPerSecond() {
        return latest.stream().mapToLong(Step::tokens).sum() / sumOfSeconds();
    }

    void endEvaluation(double seconds) {
        evaluationSeconds = seconds;
    }

    /** Estimate for so many further steps and evaluations; not a number before the first step, without those before the first. */
    double secondsFor(long further, long evaluations) {
        return further * sumOfSeconds() / latest.size() + evaluations * evaluationSeconds;
    }

    private double sumOfSeconds() {
        return latest.stream().mapToDouble(Step::seconds).sum();
    }

    /** Since this process began with the run, pauses left out. */
    double seconds() {
        return ((resting ? left : nanos.getAsLong()) - born) / 1e9;
    }
}
