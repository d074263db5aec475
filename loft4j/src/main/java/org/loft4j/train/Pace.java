package org.loft4j.train;

import java.util.function.LongSupplier;

/** How fast a run goes, over the steps of this process; evaluations and checkpoints do not count. */
final class Pace {
    private static final double SMOOTHING = 0.95;

    private final LongSupplier nanos;
    private final long born;
    private long stepStart;
    private double secondsPerStep = Double.NaN;
    private double tokensPerStep = Double.NaN;

    Pace() {
        this(System::nanoTime);
    }

    Pace(LongSupplier nanos) {
        this.nanos = nanos;
        this.born = nanos.getAsLong();
    }

    void startStep() {
        stepStart = nanos.getAsLong();
    }

    void endStep(long tokens) {
        double seconds = (nanos.getAsLong() - stepStart) / 1e9;
        secondsPerStep = smooth(secondsPerStep, seconds);
        tokensPerStep = smooth(tokensPerStep, tokens);
    }

    private static double smooth(double average, double value) {
        return Double.isNaN(average) ? value : SMOOTHING * average + (1 - SMOOTHING) * value;
    }

    double tokensPerSecond() {
        return tokensPerStep / secondsPerStep;
    }

    double secondsFor(long steps) {
        return steps * secondsPerStep;
    }

    /** Since this process began with the run. */
    double seconds() {
        return (nanos.getAsLong() - born) / 1e9;
    }
}
