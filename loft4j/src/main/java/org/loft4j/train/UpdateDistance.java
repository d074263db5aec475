package org.loft4j.train;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.ConfigException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/**
 * How far the changes ΔW that one run has made are from those of a reference run, layer by layer. All sums are taken in float64.
 *
 * @param layers in the order of the run's own
 */
public record UpdateDistance(List<Layer> layers) {
    /** The path of {@link #overall}. */
    public static final String ALL = "all";

    /**
     * One layer, or all of them together.
     *
     * @param path module path of the layer
     * @param squaredError {@code ‖ΔW − ΔR‖²_F} with ΔR the reference's change
     * @param inner {@code ⟨ΔW, ΔR⟩}
     * @param squaredNorm {@code ‖ΔW‖²_F}
     * @param squaredReference {@code ‖ΔR‖²_F}
     */
    public record Layer(String path, double squaredError, double inner, double squaredNorm, double squaredReference) {
        /** {@code ‖ΔW − ΔR‖ / ‖ΔR‖}. */
        public double relativeError() {
            return Math.sqrt(squaredError / squaredReference);
        }

        /** {@code ⟨ΔW, ΔR⟩ / (‖ΔW‖·‖ΔR‖)}. */
        public double cosine() {
            return inner / Math.sqrt(squaredNorm * squaredReference);
        }

        /** {@code ‖ΔW‖ / ‖ΔR‖}. */
        public double normRatio() {
            return Math.sqrt(squaredNorm / squaredReference);
        }
    }

    public UpdateDistance {
        layers = List.copyOf(layers);
    }

    /**
     * The distance of two runs.
     *
     * @param run its layers are compared; every one of them must be among the reference's
     * @throws ConfigException if the reference lacks a layer
     */
    public static UpdateDistance between(LayerUpdates run, LayerUpdates reference) throws IOException {
        List<Layer> layers = new ArrayList<>();
        for (String path : run.paths()) {
            if (!reference.paths().contains(path)) {
                throw new ConfigException("the reference run has no change of " + path);
            }
            try (NativeScope scope = new NativeScope()) {
                layers.add(layer(path, run.update(path), reference.update(path)));
            }
        }
        return new UpdateDistance(layers);
    }

    private static Layer layer(String path, Tensor update, Tensor reference) {
        Tensor x = update.to(ScalarType.Double);
        Tensor y = reference.to(x.device(), ScalarType.Double);
        Shapes.require(path, x, Shapes.of(y));
        return new Layer(
                path,
                x.sub(y).square_().sum().item_double(),
                x.mul(y).sum().item_double(),
                x.square().sum().item_double(),
                y.square().sum().item_double());
    }

    /**
     * The distance of the best change there is of this rank: the truncated singular value decomposition of each layer's change
     * (Eckart and Young, 1936), which leaves {@code ‖ΔW − ΔR‖² = Σ_{k>r} σ_k²} and has the largest cosine of all.
     *
     * @param ranks one result each
     */
    public static List<UpdateDistance> ofBest(LayerUpdates reference, List<Integer> ranks) throws IOException {
        List<List<Layer>> layers = new ArrayList<>();
        ranks.forEach(rank -> layers.add(new ArrayList<>()));
        for (String path : reference.paths()) {
            try (NativeScope scope = new NativeScope()) {
                Tensor squared = torch.linalg_svdvals(reference.update(path).to(ScalarType.Double))
                        .square_();
                double all = squared.sum().item_double();
                for (int i = 0; i < ranks.size(); i++) {
                    long kept = Math.min(ranks.get(i), squared.size(0));
                    double norm = squared.narrow(0, 0, kept).sum().item_double();
                    double rest = squared.narrow(0, kept, squared.size(0) - kept)
                            .sum()
                            .item_double();
                    layers.get(i).add(new Layer(path, rest, norm, norm, all));
                }
            }
        }
        return layers.stream().map(UpdateDistance::new).toList();
    }

    /** All layers as if they were one vector. */
    public Layer overall() {
        double error = 0;
        double inner = 0;
        double norm = 0;
        double reference = 0;
        for (Layer layer : layers) {
            error += layer.squaredError;
            inner += layer.inner;
            norm += layer.squaredNorm;
            reference += layer.squaredReference;
        }
        return new Layer(ALL, error, inner, norm, reference);
    }
}
