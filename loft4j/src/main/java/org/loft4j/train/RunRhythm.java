package org.loft4j.train;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * When a run logs, evaluates and saves: after so many steps, and where nobody has said after how many it saves, also when a quarter of an
 * hour has gone by since the last time. A save changes neither weights nor metrics, so the clock changes nothing but what is kept.
 */
final class RunRhythm {
    private static final long UNSAVED_NANOS = TimeUnit.MINUTES.toNanos(15);

    private final long totalSteps;
    private final long logEvery;
    private final long evalEvery;
    private final long saveEvery;
    private final boolean byTheClock;
    private final LongSupplier nanos;
    private long lastSave;

    RunRhythm(TrainConfig config, RunPlan plan, LongSupplier nanos) {
        this.totalSteps = plan.totalSteps();
        this.logEvery = config.loggingSteps();
        this.evalEvery = config.evalSteps() > 0 ? config.evalSteps() : plan.stepsPerEpoch();
        this.byTheClock = config.saveSteps() == 0;
        this.saveEvery = byTheClock ? evalEvery : config.saveSteps();
        this.nanos = nanos;
        this.lastSave = nanos.getAsLong();
    }

    /** Whether a step is logged. */
    boolean logs(long step) {
        return step == totalSteps || step % logEvery == 0;
    }

    /** Whether the evaluation is due after a step, where there are rows for it. */
    boolean evaluatesAfter(long step) {
        return step == totalSteps || step % evalEvery == 0;
    }

    /** Number of evaluations from the one after a step on. */
    long evaluationsFrom(long step) {
        return totalSteps / evalEvery - (step - 1) / evalEvery + (totalSteps % evalEvery == 0 ? 0 : 1);
    }

    /** Whether a save is due after a step, but for those of the best evaluation and of the end. */
    boolean savesAfter(long step) {
        return step % saveEvery == 0 || (byTheClock && nanos.getAsLong() - lastSave >= UNSAVED_NANOS);
    }

    /** The time to the next save counts from now on. */
    void saved() {
        lastSave = nanos.getAsLong();
    }
}
