package org.loft4j.train;

import java.nio.file.Path;

/** Hears of a run as it goes. Called on the training thread; an exception ends the run. */
public interface TrainListener {
    /** After each optimizer step. */
    default void onStep(StepEvent event) {}

    /** After each evaluation; {@code best} says whether it is the best so far. */
    default void onEvaluation(long step, Evaluation evaluation, boolean best) {}

    /** After each checkpoint is complete on disk, which may be some steps after the step that it holds. */
    default void onSave(long step, Path checkpoint) {}
}
