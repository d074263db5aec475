package org.loft4j.cli.demo;

import java.nio.file.Path;
import java.util.function.LongSupplier;
import org.loft4j.cli.report.Curve;
import org.loft4j.train.Evaluation;
import org.loft4j.train.StepEvent;
import org.loft4j.train.TrainListener;

/** Keeps the curves of a run, and the time that its steps took without evaluations and checkpoints. */
final class DemoListener implements TrainListener {
    private final LongSupplier nanos;
    private final Curve loss = new Curve();
    private final Curve accuracy = new Curve();
    private long mark;
    private long stepNanos;

    /** The first step begins now. */
    DemoListener(LongSupplier nanos) {
        this.nanos = nanos;
        this.mark = nanos.getAsLong();
    }

    @Override
    public void onStep(StepEvent event) {
        long now = nanos.getAsLong();
        stepNanos += now - mark;
        mark = now;
        loss.add(event.step(), event.loss());
    }

    @Override
    public void onEvaluation(long step, Evaluation evaluation, boolean best) {
        accuracy.add(step, evaluation.scores().getOrDefault("accuracy", Double.NaN));
        mark = nanos.getAsLong();
    }

    @Override
    public void onSave(long step, Path checkpoint) {
        mark = nanos.getAsLong();
    }

    Curve loss() {
        return loss;
    }

    Curve accuracy() {
        return accuracy;
    }

    double seconds() {
        return stepNanos / 1e9;
    }
}
