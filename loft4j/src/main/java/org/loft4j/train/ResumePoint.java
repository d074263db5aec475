package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * Where a run goes on: from the newest whole checkpoint, or after a divergence from the newest whole one from before. One that has
 * come to its end stays there.
 *
 * @param directory of the checkpoint, or of a run that is finished; null for one that begins
 * @param divergedSince first step of that for which the run was given up; 0 if it was not
 * @param finished whether an earlier process has brought the run to its end
 */
record ResumePoint(@Nullable Path directory, long divergedSince, boolean finished) {
    static final ResumePoint START = new ResumePoint(null, 0, false);

    /**
     * Of the run in an output directory.
     *
     * @throws ConfigException if it cannot go on with these settings
     */
    static ResumePoint of(RunOutput output, RunPlan plan, TrainConfig config) throws IOException {
        if (output.isFinished()) {
            plan.requireSame(output.directory());
            return new ResumePoint(output.directory(), 0, true);
        }
        long since = output.divergedSince();
        boolean remedy = since > 0 && plan.hasRemedy(output.directory());
        if (since == 0 || (config.divergenceFactor() == 0 && !remedy)) {
            Path newest = output.checkpoints().newest();
            if (newest != null) {
                plan.requireSame(newest);
            }
            return new ResumePoint(newest, since, false);
        }
        if (!remedy) {
            throw new ConfigException("the run in " + output.directory() + " has diverged since step " + since
                    + ": resume with a lower learning_rate to go on from before that"
                    + (output.divergedBySkipping() ? "" : ", or with divergence_factor 0 to go on regardless"));
        }
        plan.requireSameButRemedies(output.directory());
        return new ResumePoint(output.checkpoints().newestUpTo(output.wellUntil()), since, false);
    }

    /** What the run goes on from; null where it begins, or is finished. */
    @Nullable
    Path checkpoint() {
        return finished ? null : directory;
    }

    /** Weights and optimizers as the checkpoint has them, if there is one. */
    void restore(Trainable trainable) throws IOException {
        Path checkpoint = checkpoint();
        if (checkpoint != null) {
            trainable.restore(checkpoint);
            trainable.restoreOptimizer(checkpoint);
        }
    }

    /** The state to go on with. Steps that were skipped before the run was given up do not count against its going on. */
    RunState state(TrainConfig config) throws IOException {
        if (directory == null) {
            return RunState.of(config);
        }
        RunState state = RunState.read(directory, config);
        if (divergedSince > 0) {
            state.forgiveSkipped();
        }
        return state;
    }
}
