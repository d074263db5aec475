package org.loft4j.examples;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.loft4j.train.Evaluation;
import org.loft4j.train.StepEvent;
import org.loft4j.train.TrainListener;
import org.loft4j.train.TrainingRun;

/** Hears of steps, evaluations and checkpoints; stops the run when the loss is low enough. */
final class Callbacks implements TrainListener {
    private final List<String> heard = new ArrayList<>();
    private final TrainingRun run;
    private final double goal;

    private Callbacks(TrainingRun run, double goal) {
        this.run = run;
        this.goal = goal;
    }

    /** @param goal loss of an evaluation at which the run is stopped, and saved */
    static Callbacks on(TrainingRun run, double goal) {
        Callbacks callbacks = new Callbacks(run, goal);
        run.addListener(callbacks);
        return callbacks;
    }

    @Override
    public void onStep(StepEvent event) {
        heard.add("step " + event.step() + " of " + event.totalSteps());
    }

    @Override
    public void onEvaluation(long step, Evaluation evaluation, boolean best) {
        heard.add("evaluation at " + step + (best ? ", the best" : ""));
        if (evaluation.loss() < goal) {
            run.requestStop();
        }
    }

    @Override
    public void onSave(long step, Path checkpoint) {
        heard.add("saved " + checkpoint.getFileName());
    }

    List<String> heard() {
        return heard;
    }
}
