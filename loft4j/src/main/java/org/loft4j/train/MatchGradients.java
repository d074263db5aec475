package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntToLongFunction;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.data.Batch;
import org.loft4j.data.MatchedTexts;
import org.loft4j.data.MiniBatch;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

/**
 * The gradient of a step whose loss compares the texts of all its batches with each other (Gao et al. 2021, arXiv:2101.06983,
 * section 3), in the memory of one batch:
 *
 * <pre>  v  = f(x; θ)              of each batch, nothing of it kept but the vectors
 *   u  = ∂L(v)/∂v             of all vectors together
 *   ∂L/∂θ = Σ ∂⟨u, f(x; θ)⟩/∂θ   of each batch, computed once more with the same random numbers</pre>
 */
record MatchGradients(Model model, LaneGradients gradients, MatchLoss loss, double lossScale) {
    /**
     * Adds the gradient of the mean over all anchors to the gradients, and returns the mean.
     *
     * @param seeds of the random numbers of each batch
     */
    double backward(List<? extends MiniBatch> batches, IntToLongFunction seeds) {
        TextMatches matches =
                TextMatches.of(batches.stream().map(MatchGradients::matched).toList());
        List<double[]> vectors = new ArrayList<>();
        for (int i = 0; i < batches.size(); i++) {
            try (NativeScope scope = new NativeScope()) {
                vectors.add(gradients.vectors(begin(batches.get(i), seeds.applyAsLong(i)), seeds.applyAsLong(i)));
            }
        }
        try (NativeScope scope = new NativeScope()) {
            int rows = matches.texts().length;
            Tensor all = Tensors.of(
                    vectors.stream().flatMapToDouble(Arrays::stream).toArray(),
                    rows,
                    vectors.stream().mapToLong(some -> some.length).sum() / rows);
            all.set_requires_grad(true);
            double anchors = matches.anchors().length;
            double mean = matches.sum(loss, all) / anchors;
            Tensor pull = all.grad().div_(new Scalar(anchors));
            pullAt(pull, batches, seeds);
            return mean;
        }
    }

    /** @param pull the gradient with respect to each vector, {@code (texts, hidden)} */
    private void pullAt(Tensor pull, List<? extends MiniBatch> batches, IntToLongFunction seeds) {
        BatchLoss objective = new BatchLoss(model.task(), 1, lossScale, 0, PreferenceLoss.DPO, null);
        long from = 0;
        for (int i = 0; i < batches.size(); i++) {
            long rows = batches.get(i).rows();
            try (NativeScope scope = new NativeScope()) {
                BatchTensors batch = begin(batches.get(i), seeds.applyAsLong(i));
                gradients.backward(
                        objective, batch.withLabels(onDevice(pull.narrow(0, from, rows))), seeds.applyAsLong(i));
            }
            from += rows;
        }
    }

    /** A device draws from libtorch's generator, which begins anew with each batch so that both times are the same. */
    private BatchTensors begin(MiniBatch batch, long seed) {
        Seeds.manualSeed(seed);
        return BatchTensors.of(batch, model);
    }

    private Tensor onDevice(Tensor pull) {
        Dtype dtype = model.description().dtype() == Dtype.F64 ? Dtype.F64 : Dtype.F32;
        DeviceSpec device = model.description().device();
        return device.kind() == DeviceSpec.Kind.CPU
                ? pull.to(dtype.scalarType())
                : pull.to(device.torch(), dtype.scalarType());
    }

    private static MatchedTexts matched(MiniBatch batch) {
        if (batch instanceof Batch texts && texts.facts() instanceof MatchedTexts matches) {
            return matches;
        }
        throw new ConfigException("sentence embeddings are learnt from batches of a MatchDataset");
    }
}
