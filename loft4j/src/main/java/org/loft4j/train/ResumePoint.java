package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;

/**
 * Where a run goes on: from the newest whole checkpoint, or after a divergence from the newest whole one from before.
 *
 * @param checkpoint null for a run that begins
 * @param divergedSince first step of that for which the run was given up; 0 if it was not
 */
record ResumePoint(@Nullable Path checkpoint, long divergedSince) {
    static final ResumePoint START = new ResumePoint(null, 0);

    /**
     * Of the run in an output directory.
     *
     * @throws ConfigException if it cannot go on with these settings
     */
    static ResumePoint of(RunOutput output, RunPlan plan, TrainConfig config) throws IOException {
        long since = output.divergedSince();
        boolean remedy = since > 0 && plan.hasRemedy(output.directory());
        if (since == 0 || (config.divergenceFactor() == 0 && !remedy)) {
            Path newest = output.checkpoints().newest();
            if (newest != null) {
                plan.requireSame(newest);
            }
            return new ResumePoint(newest, since);
        }
        if (!remedy) {
            throw new ConfigException("the run in " + output.directory() + " has diverged since step " + since
                    + ": resume with a lower learning_rate to go on from before that"
                    + (output.divergedBySkipping() ? "" : ", or with divergence_factor 0 to go on regardless"));
        }
        plan.requireSameButRemedies(output.directory());
        return new ResumePoint(output.checkpoints().newestUpTo(since - 1), since);
    }

    /** The state to go on with. Steps that were skipped before the run was given up do not count against its going on. */
    RunState state(TrainConfig config) throws IOException {
        if (checkpoint == null) {
            return RunState.of(config);
        }
        RunState state = RunState.read(checkpoint, config);
        if (divergedSince > 0) {
            state.forgiveSkipped();
        }
        return state;
    }
}
