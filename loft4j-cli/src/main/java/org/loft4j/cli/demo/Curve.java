package org.loft4j.cli.demo;

import java.util.ArrayList;
import java.util.List;

/** A quantity over the optimizer steps. */
public final class Curve {
    private final List<Double> steps = new ArrayList<>();
    private final List<Double> values = new ArrayList<>();

    void add(long step, double value) {
        if (Double.isFinite(value)) {
            steps.add((double) step);
            values.add(value);
        }
    }

    boolean isEmpty() {
        return steps.isEmpty();
    }

    List<Double> steps() {
        return List.copyOf(steps);
    }

    List<Double> values() {
        return List.copyOf(values);
    }

    /**
     * The exponential moving average that forgets {@code 1/window} of itself a step, corrected for its start: {@code m_t =
     * (1 − 1/w) m_{t−1} + x_t / w}, shown as {@code m_t / (1 − (1 − 1/w)^t)}.
     */
    Curve smoothed(double window) {
        Curve smooth = new Curve();
        double keep = 1 - 1 / window;
        double mean = 0;
        double weight = 0;
        for (int i = 0; i < values.size(); i++) {
            mean = keep * mean + (1 - keep) * values.get(i);
            weight = keep * weight + (1 - keep);
            smooth.add(Math.round(steps.get(i)), mean / weight);
        }
        return smooth;
    }
}
