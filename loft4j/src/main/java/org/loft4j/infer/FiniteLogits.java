package org.loft4j.infer;

import org.loft4j.NotFiniteException;
import org.loft4j.nn.ModelDescription;
import org.loft4j.tensor.Dtype;

/** Tells logits that are no numbers: the likeliest of them would be the first, whatever was asked. */
final class FiniteLogits {
    private FiniteLogits() {}

    /**
     * Refuses one row. A logit may be −∞, by which some models rule a token out, but not all of them.
     *
     * @throws NotFiniteException if one is NaN or +∞, or the largest is −∞
     */
    static void require(float[] logits, ModelDescription model) {
        float largest = Float.NEGATIVE_INFINITY;
        for (float logit : logits) {
            // of NaN, too
            if (!(logit <= largest)) {
                largest = logit;
                if (!Float.isFinite(logit)) {
                    break;
                }
            }
        }
        require(largest, model);
    }

    /** @param value a logit, or what follows from the logits and is NaN where one of them is no number */
    static void require(double value, ModelDescription model) {
        require("logits", value, model);
    }

    /** @param what numbers of the model the value follows from, for the message */
    static void require(String what, double value, ModelDescription model) {
        if (!Double.isFinite(value)) {
            Dtype dtype = model.dtype();
            throw new NotFiniteException("the " + what + " of this " + model.family() + " are not finite in "
                    + dtype.torchName()
                    + (dtype == Dtype.F16
                            ? ", whose range ends at 65504: open it as bfloat16 or float32 (--dtype)"
                            : ": its weights or those of its adapter may hold numbers that are not, as after a"
                                    + " training that diverged"));
        }
    }
}
