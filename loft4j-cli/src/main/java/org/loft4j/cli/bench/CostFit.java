package org.loft4j.cli.bench;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Seconds as a sum of parts, each a quantity that is known beforehand times a price that is not: the prices with the least sum of
 * squares of relative deviations from what was measured. None is below zero: a part that would be is left out.
 */
public final class CostFit {
    private final List<String> parts;
    private final double[] prices;
    private final double largestDeviation;

    /**
     * What was measured once.
     *
     * @param quantities of each part
     */
    record Point(double[] quantities, double seconds) {}

    private CostFit(List<String> parts, double[] prices, double largestDeviation) {
        this.parts = parts;
        this.prices = prices;
        this.largestDeviation = largestDeviation;
    }

    /**
     * @param parts their names
     * @param points more than there are parts
     */
    static CostFit of(List<String> parts, List<Point> points) {
        if (points.size() <= parts.size()) {
            throw new IllegalArgumentException(points.size() + " points for " + parts.size() + " prices");
        }
        int[] used = IntStream.range(0, parts.size()).toArray();
        double[] prices = new double[parts.size()];
        while (true) {
            double[] found = leastSquares(points, used);
            int lowest = IntStream.range(0, found.length)
                    .reduce((a, b) -> found[a] <= found[b] ? a : b)
                    .orElseThrow();
            if (found[lowest] >= 0) {
                for (int i = 0; i < used.length; i++) {
                    prices[used[i]] = found[i];
                }
                break;
            }
            int left = used[lowest];
            used = Arrays.stream(used).filter(part -> part != left).toArray();
        }
        double largest = 0;
        for (Point point : points) {
            largest = Math.max(largest, Math.abs(seconds(prices, point.quantities()) / point.seconds() - 1));
        }
        return new CostFit(List.copyOf(parts), prices, largest);
    }

    /** Each column in parts of its largest entry, since quantities differ by many orders of magnitude. */
    private static double[] leastSquares(List<Point> points, int[] used) {
        double[] scales = new double[used.length];
        for (int i = 0; i < used.length; i++) {
            int part = used[i];
            scales[i] = points.stream()
                    .mapToDouble(point -> point.quantities()[part] / point.seconds())
                    .max()
                    .orElseThrow();
        }
        double[] rows = new double[points.size() * used.length];
        for (int row = 0; row < points.size(); row++) {
            for (int i = 0; i < used.length; i++) {
                Point point = points.get(row);
                rows[row * used.length + i] = point.quantities()[used[i]] / point.seconds() / scales[i];
            }
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor matrix = Tensors.of(rows, points.size(), used.length);
            double[] ones = new double[points.size()];
            Arrays.fill(ones, 1);
            double[] found = Tensors.toDoubles(torch.linalg_pinv(matrix).mv(Tensors.of(ones, points.size())));
            for (int i = 0; i < found.length; i++) {
                found[i] /= scales[i];
            }
            return found;
        }
    }

    private static double seconds(double[] prices, double[] quantities) {
        double sum = 0;
        for (int i = 0; i < prices.length; i++) {
            sum += prices[i] * quantities[i];
        }
        return sum;
    }

    double seconds(double... quantities) {
        return seconds(prices, quantities);
    }

    /** By part, in seconds for one of its quantity. */
    public Map<String, Double> prices() {
        Map<String, Double> named = new LinkedHashMap<>();
        for (int i = 0; i < prices.length; i++) {
            named.put(parts.get(i), prices[i]);
        }
        return named;
    }

    /** Of what was measured, relative. */
    public double largestDeviation() {
        return largestDeviation;
    }
}
