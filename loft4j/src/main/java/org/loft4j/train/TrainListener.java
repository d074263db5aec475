package org.loft4j.train;

import java.nio.file.Path;
import java.util.List;

/**
 * Hears of a run as it goes. Called on the training thread. An exception ends the run as {@link TrainingRun#requestStop} does, saved,
 * and is thrown then. An {@link java.io.UncheckedIOException} ends it at once, as a log of its own that cannot be written does: once
 * it goes on from its newest checkpoint, the steps behind that are taken, and told of, again.
 */
public interface TrainListener {
    /** After each optimizer step. */
    default void onStep(StepEvent event) {}

    /** While it is found out, before the first step, what the model holds of preferences: of so many of all answers it is known. */
    default void onReferenceProgress(int done, int all) {}

    /** While held-out rows are judged: so many of them all are. */
    default void onEvaluationProgress(long step, int done, int all) {}

    /** After each evaluation; {@code best} says whether it is the best so far. */
    default void onEvaluation(long step, Evaluation evaluation, boolean best) {}

    /** After the steps of {@code diagnostics_steps}, for a run with an adapter: one entry a layer, in the order of the adapter's. */
    default void onDiagnostics(long step, List<LayerDiagnostics> layers) {}

    /** After each checkpoint is complete on disk, which may be some steps after the step that it holds. */
    default void onSave(long step, Path checkpoint) {}

    /** Once no more steps are taken, whatever has ended them. */
    default void onEnd() {}
}
