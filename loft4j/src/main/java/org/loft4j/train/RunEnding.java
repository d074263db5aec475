package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;

/** What a run leaves when it ends, in whichever way, and what is told of it. */
final class RunEnding {
    private static final System.Logger LOG = System.getLogger(RunEnding.class.getName());

    private final Model model;
    private final TrainConfig config;
    private final RunOutput output;
    private final Trainable trainable;
    private final RunPlan plan;
    private final RunState state;
    private final BaseFiles base;
    private final RunNotes notes;
    private final Pace pace;
    private final ClassWeights classWeights;
    private long peakResidentBytes;

    RunEnding(RunParts parts, BaseFiles base, RunNotes notes, ClassWeights classWeights) {
        this.model = parts.model();
        this.config = parts.config();
        this.output = parts.output();
        this.trainable = parts.trainable();
        this.plan = parts.plan();
        this.state = parts.state();
        this.pace = parts.pace();
        this.base = base;
        this.notes = notes;
        this.classWeights = classWeights;
    }

    /** Takes note of the memory of the process. */
    void sees(long residentBytes) {
        peakResidentBytes = Math.max(peakResidentBytes, residentBytes);
    }

    /** Spent on the run up to now, by earlier processes too. */
    double seconds() {
        return state.seconds() + pace.seconds();
    }

    /** Of a run that had ended before, whose weights are in the model. */
    TrainResult alreadyFinished() {
        return result(TrainResult.Outcome.ALREADY_FINISHED, null, null);
    }

    /** Of one that goes on from the checkpoint of its step, or has not begun. */
    TrainResult interrupted() {
        Path checkpoint = state.step() == 0 ? null : output.checkpoints().path(state.step());
        return result(TrainResult.Outcome.INTERRUPTED, checkpoint, null);
    }

    /** Writes that the run was given up. */
    TrainResult diverged(Divergence divergence) throws IOException {
        output.diverged(state.tree(seconds(), plan, output.checkpoints()), divergence.since(), state.wellUntil());
        Long good = output.checkpoints().lastUpTo(state.wellUntil());
        Path checkpoint = good == null ? null : output.checkpoints().path(good);
        return result(TrainResult.Outcome.DIVERGED, checkpoint, divergence.from(checkpoint));
    }

    /** Leaves the chosen weights in the model and in the output directory; the state that says so comes last. */
    TrainResult finish() throws IOException {
        boolean early = state.step() < plan.totalSteps();
        state.finish(
                early ? "stopped_early" : "finished",
                restoreBest() ? state.best().step() : state.step());
        base.tellOfChanges();
        String rise = state.rise();
        if (rise != null) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "the loss has ended at " + rise + ": a lower learning_rate than " + config.learningRate()
                            + " may be what it takes");
        }
        long skipped = state.endsSkippedSince();
        // of evaluations in that stretch, all of the same weights, the first may be the best
        if (skipped > 0 && state.resultStep() >= skipped) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "no step since step " + skipped
                            + " had a finite loss and finite gradients, and the result may be of no use: "
                            + wayOutOfSkipping());
        }
        trainable.save(output.directory());
        String card = ModelCard.text(model, trainable, notes, config, classWeights, plan, state);
        output.describe(model.description().directory(), notes, card);
        state.write(output.directory(), seconds(), plan, output.checkpoints());
        return result(early ? TrainResult.Outcome.STOPPED_EARLY : TrainResult.Outcome.FINISHED, null, null);
    }

    private String wayOutOfSkipping() {
        return model.description().dtype() == Dtype.F16
                ? "in float16 each skipped step halves the loss scale, which begins at 65536: more steps, or bfloat16 or"
                        + " float32, may be what it takes"
                : "a lower learning_rate than " + config.learningRate() + " may be what it takes";
    }

    /** Whether the weights are now those of the best evaluation. */
    private boolean restoreBest() throws IOException {
        long best = state.best().step();
        if (!config.loadBestAtEnd() || best == 0) {
            return false;
        }
        try {
            if (best != state.step()) {
                Checkpoints.verify(output.checkpoints().path(best));
                trainable.restore(output.checkpoints().path(best));
            }
            return true;
        } catch (CheckpointException e) {
            LOG.log(System.Logger.Level.WARNING, "the last weights are kept, the best are lost: " + e.getMessage());
            return false;
        }
    }

    private TrainResult result(
            TrainResult.Outcome outcome, @Nullable Path checkpoint, @Nullable Divergence divergence) {
        return new TrainResult(
                outcome,
                state.step(),
                plan.totalSteps(),
                state.skippedSteps(),
                state.best().step(),
                state.resultStep(),
                state.evaluationAt(state.lastEvaluatedStep()),
                state.evaluationAt(state.best().step()),
                pace.seconds(),
                peakResidentBytes,
                output.directory(),
                checkpoint,
                divergence);
    }
}
