package org.loft4j.optim;

import java.util.Locale;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/**
 * The learning rate over the run, as a factor of its peak: a linear rise over the warm-up, then the given course.
 *
 * @param kind the course after the warm-up
 * @param warmupSteps steps of the rise; the first step already has factor {@code 1 / warmupSteps}
 * @param totalSteps steps of the whole run
 * @param minRatio factor that a falling course ends at, in [0, 1)
 */
public record Schedule(Kind kind, long warmupSteps, long totalSteps, double minRatio) {
    /** Courses after the warm-up. */
    public enum Kind {
        CONSTANT,
        LINEAR,
        COSINE,
        /** The same, by the name that it has in Transformers where it does not end at 0. */
        COSINE_WITH_MIN_LR;

        /** Reads {@code constant}, {@code linear}, {@code cosine} or {@code cosine_with_min_lr}; what Hugging Face calls {@code constant_with_warmup} is constant. */
        public static Kind parse(String name) {
            if (name.equals("constant_with_warmup")) {
                return CONSTANT;
            }
            for (Kind kind : values()) {
                if (kind.name().toLowerCase(Locale.ROOT).equals(name)) {
                    return kind;
                }
            }
            throw new ConfigException(
                    "lr_scheduler_type must be one of constant, linear, cosine, cosine_with_min_lr, got " + name);
        }
    }

    public Schedule {
        Checks.atLeast("warmup_steps", warmupSteps, 0);
        Checks.atLeast("total_steps", totalSteps, 1);
        Checks.fraction("min_lr_ratio", minRatio);
        if (warmupSteps > totalSteps) {
            throw new ConfigException(
                    "warmup_steps must not pass the " + totalSteps + " steps of the run, got " + warmupSteps);
        }
    }

    /** A course that ends at 0. */
    public Schedule(Kind kind, long warmupSteps, long totalSteps) {
        this(kind, warmupSteps, totalSteps, 0);
    }

    /** The factor of the step about to be taken; steps count from 0. */
    public double factor(long step) {
        if (step < warmupSteps) {
            return (step + 1.0) / warmupSteps;
        }
        double left = Math.max(0, totalSteps - step) / (double) Math.max(1, totalSteps - warmupSteps);
        double course = switch (kind) {
            case CONSTANT -> 1;
            case LINEAR -> left;
            case COSINE, COSINE_WITH_MIN_LR -> 0.5 * (1 - Math.cos(Math.PI * left));
        };
        return minRatio + (1 - minRatio) * course;
    }
}
