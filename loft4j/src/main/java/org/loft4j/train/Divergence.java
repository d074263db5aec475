package org.loft4j.train;

import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Why a run was given up before its end.
 *
 * @param since the first step of the trouble
 * @param loss smoothed loss at the end, in nats; not a number if the steps were skipped, since gradient or loss was not finite
 * @param best its lowest level before
 * @param bestStep step of that level
 * @param lastGood the newest checkpoint from before the trouble; null if there is none
 */
public record Divergence(
        long since,
        double loss,
        double best,
        long bestStep,
        @Nullable Path lastGood) {
    Divergence from(@Nullable Path checkpoint) {
        return new Divergence(since, loss, best, bestStep, checkpoint);
    }

    /** Whether the run was given up for steps that were skipped, one like the other: to go on regardless would bring more of them. */
    public boolean bySkipping() {
        return Double.isNaN(loss);
    }

    /** What happened and since when, as one clause. */
    public String what() {
        if (bySkipping()) {
            return "no step since step " + since + " had a finite loss and finite gradients";
        }
        return String.format(
                Locale.ROOT,
                "the loss has been running away since step %d: it is at %.3g, and was at %.3g at step %d",
                since,
                loss,
                best,
                bestStep);
    }
}
