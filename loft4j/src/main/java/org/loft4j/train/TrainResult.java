package org.loft4j.train;

import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How a run ended.
 *
 * @param outcome why it ended
 * @param step optimizer steps taken, those of earlier processes included
 * @param totalSteps steps that the run was planned for
 * @param skippedSteps steps that a gradient that is not finite made void
 * @param bestStep step of the best evaluation; 0 if there was none
 * @param resultStep step whose weights are the result: the best one's, or the last; 0 if there is none, or nobody knows any more
 * @param lastEvaluation loss and scores of the last evaluation; empty if there was none
 * @param bestEvaluation loss and scores of the best evaluation; empty if there was none
 * @param seconds of this process
 * @param peakResidentBytes largest resident memory seen by this process after a step
 * @param output the output directory
 * @param checkpoint where a stopped run goes on; null for a run that is finished, or was stopped before its first step
 * @param divergence why the run was given up; null for one that was not
 */
public record TrainResult(
        Outcome outcome,
        long step,
        long totalSteps,
        long skippedSteps,
        long bestStep,
        long resultStep,
        Map<String, Double> lastEvaluation,
        Map<String, Double> bestEvaluation,
        double seconds,
        long peakResidentBytes,
        Path output,
        @Nullable Path checkpoint,
        @Nullable Divergence divergence) {
    /** Why a run ended. */
    public enum Outcome {
        /** All steps are done. */
        FINISHED,
        /** Patience ran out. */
        STOPPED_EARLY,
        /** Someone asked it to stop; it can go on. */
        INTERRUPTED,
        /** Its loss ran away, or was not finite for long; it can go on from before that with other settings. */
        DIVERGED,
        /** It had been finished before; nothing was done. */
        ALREADY_FINISHED
    }

    /** One sentence for a person: what happened, and how to go on. */
    public String summary() {
        return switch (outcome) {
            case FINISHED -> "finished after " + steps() + "; the result is in " + output;
            case STOPPED_EARLY ->
                "stopped early after " + step + " of " + totalSteps + " steps, "
                        + (bestStep == 0
                                ? "for no evaluation had a finite score"
                                : "the best evaluation was at step " + bestStep)
                        + "; the result is in " + output;
            case INTERRUPTED ->
                checkpoint == null
                        ? "stopped before the first step; the same call begins anew"
                        : "stopped after step " + step + " of " + totalSteps + ", saved in " + checkpoint
                                + "; resume with the same settings and the same output directory to go on";
            case DIVERGED -> "given up after step " + step + " of " + totalSteps + ": " + divergedText();
            case ALREADY_FINISHED -> "nothing to do: the run in " + output + " is finished (" + steps() + ")";
        };
    }

    private String steps() {
        return step + (step == 1 ? " step" : " steps");
    }

    private String divergedText() {
        Divergence found = Objects.requireNonNull(divergence, "divergence");
        String remedy = "resume with a lower learning rate to go on from ";
        return found.what() + "; "
                + (found.lastGood() == null
                        ? "no checkpoint is from before that: " + remedy + "the start"
                        : found.lastGood() + " is from before that: " + remedy + "there");
    }
}
