package org.loft4j.adapter;

import java.util.Comparator;
import java.util.List;
import org.loft4j.tensor.Dtype;

/**
 * What a merge lost: the sum {@code W0 + ΔW} (see {@link LoraLinear#delta}) is computed in float32 (float64 for a float64 model) and then rounded to
 * the dtype of the model, or to the one that was asked for.
 *
 * @param layers one entry a merged layer, in the model's order
 */
public record MergeReport(List<Layer> layers) {
    public MergeReport {
        layers = List.copyOf(layers);
    }

    /**
     * The rounding of one layer. All zero where that dtype is the dtype of the sum.
     *
     * @param path module path
     * @param dtype that the weight was rounded to
     * @param maxAbsError largest difference of an element of the weight
     * @param relativeError Frobenius norm of the difference over that of the merged weight
     * @param relativeToUpdate Frobenius norm of the difference over that of {@code ΔW}: near 1 the rounding has eaten
     *     what was learnt
     */
    public record Layer(String path, Dtype dtype, double maxAbsError, double relativeError, double relativeToUpdate) {}

    /** The layer with the largest relative error. */
    public Layer worst() {
        return layers.stream()
                .max(Comparator.comparingDouble(Layer::relativeError))
                .orElseThrow();
    }

    /** The largest difference of any element of any layer. */
    public double maxAbsError() {
        return layers.stream().mapToDouble(Layer::maxAbsError).max().orElse(0);
    }

    /** The largest relative error of a layer. */
    public double relativeError() {
        return worst().relativeError();
    }

    /** The largest share of an update that rounding lost. */
    public double relativeToUpdate() {
        return layers.stream().mapToDouble(Layer::relativeToUpdate).max().orElse(0);
    }
}
