package org.loft4j.cli.report;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A quantity over another, most often over the optimizer steps. Points whose value is not finite are left out. */
public final class Curve {
    private final List<Double> x = new ArrayList<>();
    private final List<Double> y = new ArrayList<>();
    private final List<Double> errors = new ArrayList<>();

    /** Adds a point that is known exactly. */
    public void add(double at, double value) {
        add(at, value, 0);
    }

    /**
     * Adds a point.
     *
     * @param error half the length of its error bar; 0 for none
     */
    public void add(double at, double value, double error) {
        if (Double.isFinite(at) && Double.isFinite(value)) {
            x.add(at);
            y.add(value);
            errors.add(Double.isFinite(error) ? error : 0);
        }
    }

    public boolean isEmpty() {
        return x.isEmpty();
    }

    /** Where the points lie; no copy, so that it may be asked for at every point. */
    public List<Double> x() {
        return Collections.unmodifiableList(x);
    }

    /** The values there; no copy. */
    public List<Double> y() {
        return Collections.unmodifiableList(y);
    }

    /** Half the lengths of the error bars; null if no point has one. */
    public @Nullable List<Double> errors() {
        return errors.stream().allMatch(error -> error == 0) ? null : List.copyOf(errors);
    }

    /**
     * The exponential moving average that forgets {@code 1/window} of itself a point, corrected for its start: {@code m_t =
     * (1 − 1/w) m_{t−1} + x_t / w}, shown as {@code m_t / (1 − (1 − 1/w)^t)}.
     */
    public Curve smoothed(double window) {
        Curve smooth = new Curve();
        double keep = 1 - 1 / window;
        double mean = 0;
        double weight = 0;
        for (int i = 0; i < y.size(); i++) {
            mean = keep * mean + (1 - keep) * y.get(i);
            weight = keep * weight + (1 - keep);
            smooth.add(x.get(i), mean / weight);
        }
        return smooth;
    }
}
