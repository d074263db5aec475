package org.loft4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tells a loss that has run away from one that is merely noisy. The loss is smoothed over about 20 steps. It has run away when it
 * stays, for 50 steps, above all of: its level at the start of the run, a multiple of its best level, and that best level plus
 * half a nat. The best level is one of about 100 steps: the least of many short means is luck. One wild batch moves nothing: what enters the mean is cut off at three times the bound.
 * A mean is above its bound long after the loss has begun to rise, which is where it was at its lowest of the 50 to 100 steps before.
 */
final class LossWatch {
    private static final double DECAY = 0.95;
    private static final double SLOW_DECAY = 0.99;
    private static final int SETTLED = 20;
    private static final int PATIENCE = 50;
    private static final int STRETCH = 50;
    private static final double MARGIN = 0.5;
    private static final double MOST = 3;

    private final double factor;
    private long steps;
    private double sum;
    private double weight;
    private double slowSum;
    private double slowWeight;
    private double first = Double.NaN;
    private double start;
    private double best;
    private long bestStep;
    private long since;
    private double low = Double.MAX_VALUE;
    private long lowStep;
    private double lowBefore = Double.MAX_VALUE;
    private long lowStepBefore;

    /** @param factor multiple of the best level, above 1; 0 to see nothing */
    LossWatch(double factor) {
        this.factor = factor;
    }

    /** Takes the loss of a step that was not skipped. */
    void add(long step, double loss) {
        if (factor == 0) {
            return;
        }
        if (steps == 0) {
            first = loss;
        }
        boolean settled = steps >= SETTLED;
        double entering = settled ? Math.min(loss, MOST * bound()) : loss;
        sum = DECAY * sum + (1 - DECAY) * entering;
        weight = DECAY * weight + 1 - DECAY;
        slowSum = SLOW_DECAY * slowSum + (1 - SLOW_DECAY) * entering;
        slowWeight = SLOW_DECAY * slowWeight + 1 - SLOW_DECAY;
        steps++;
        double level = level();
        if (steps == SETTLED) {
            start = level;
        }
        double slowLevel = slowSum / slowWeight;
        if (steps == SETTLED || (settled && slowLevel < best)) {
            best = slowLevel;
            bestStep = step;
        }
        since = !settled || level <= bound() ? 0 : since == 0 ? step : since;
        if (since == 0) {
            lowest(step, level);
        }
    }

    /** The lowest level of this stretch of 50 steps and of the one before it. */
    private void lowest(long step, double level) {
        if (steps % STRETCH == 0) {
            lowBefore = low;
            lowStepBefore = lowStep;
            low = Double.MAX_VALUE;
        }
        if (level <= low) {
            low = level;
            lowStep = step;
        }
    }

    private double level() {
        return sum / weight;
    }

    private double bound() {
        return Math.max(start, Math.max(factor * best, best + MARGIN));
    }

    /** The step at which the level was at its lowest of late: a rise, if this is one, began after it. The last there is before any. */
    long wellUntil() {
        return steps == 0 ? Long.MAX_VALUE : lowBefore < low ? lowStepBefore : lowStep;
    }

    /** What is wrong after a step; null while nothing is. */
    @Nullable
    Divergence verdict(long step) {
        return since == 0 || step - since + 1 < PATIENCE ? null : new Divergence(since, level(), best, bestStep, null);
    }

    /**
     * What the loss is now and was in the first step, before which nothing had been learnt, if it has risen; null if it has not.
     * Where it rose within the first steps, its level at the start is of no use to tell that it ran away.
     */
    @Nullable
    String rise() {
        return steps < SETTLED || !(level() > first + MARGIN)
                ? null
                : String.format(Locale.ROOT, "%.4g, above the %.4g of the first step", level(), first);
    }

    /** All that it remembers, for the state of the run. */
    Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("steps", steps);
        tree.put("sum", sum);
        tree.put("weight", weight);
        tree.put("slow_sum", slowSum);
        tree.put("slow_weight", slowWeight);
        if (steps > 0) {
            tree.put("first", first);
        }
        tree.put("start", start);
        tree.put("best", best);
        tree.put("best_step", bestStep);
        tree.put("since", since);
        tree.put("low", low);
        tree.put("low_step", lowStep);
        tree.put("low_before", lowBefore);
        tree.put("low_step_before", lowStepBefore);
        return tree;
    }

    /** Takes up what {@link #tree} gave; starts anew where there is none. */
    void restore(@Nullable JsonNode tree) {
        if (tree == null || factor == 0) {
            return;
        }
        steps = tree.path("steps").asLong();
        sum = tree.path("sum").asDouble();
        weight = tree.path("weight").asDouble();
        slowSum = tree.path("slow_sum").asDouble();
        slowWeight = tree.path("slow_weight").asDouble();
        first = tree.path("first").asDouble(Double.NaN);
        start = tree.path("start").asDouble();
        best = tree.path("best").asDouble();
        bestStep = tree.path("best_step").asLong();
        since = tree.path("since").asLong();
        low = tree.path("low").asDouble(Double.MAX_VALUE);
        lowStep = tree.path("low_step").asLong(bestStep);
        lowBefore = tree.path("low_before").asDouble(Double.MAX_VALUE);
        lowStepBefore = tree.path("low_step_before").asLong();
    }
}
