package org.loft4j.train;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.optim.LoftDiagnostics;
import org.loft4j.optim.OptimizerGroups;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * How one adapted layer stands after a step. All norms are Frobenius norms, taken from the Gram matrices {@code A·Aᵀ} and
 * {@code Bᵀ·B}, so that the product is never formed: {@code ‖B·A‖² = Σ (A·Aᵀ) ⊙ (Bᵀ·B)}.
 *
 * @param path module path of the layer
 * @param updateNorm {@code ‖scale·B·A‖}; of a DoRA layer without its magnitudes
 * @param normA {@code ‖A‖}
 * @param normB {@code ‖B‖}
 * @param conditionA condition number of A·Aᵀ, the square of A's; infinite where A has not full rank
 * @param conditionB that of Bᵀ·B; infinite while B is zero
 * @param loft what LoFT can tell besides; null for other methods
 */
public record LayerDiagnostics(
        String path,
        double updateNorm,
        double normA,
        double normB,
        double conditionA,
        double conditionB,
        @Nullable LoftDiagnostics loft) {

    /** The layers of an adapter, in its order; changes nothing. */
    public static List<LayerDiagnostics> of(LoraAdapter adapter, OptimizerGroups optimizer) {
        Map<String, LoftDiagnostics> loft = new HashMap<>();
        for (OptimizerGroups.Group group : optimizer.groups()) {
            group.optimizer().diagnostics().forEach(pair -> loft.put(pair.pair(), pair));
        }
        List<LayerDiagnostics> layers = new ArrayList<>();
        for (LoraLinear layer : adapter.layers().values()) {
            try (NativeScope scope = new NativeScope()) {
                layers.add(of(layer, loft.get(layer.path())));
            }
        }
        return layers;
    }

    private static LayerDiagnostics of(LoraLinear layer, @Nullable LoftDiagnostics loft) {
        Tensor a = layer.loraA().detach().to(ScalarType.Double);
        Tensor b = layer.loraB().detach().to(ScalarType.Double);
        // one transfer from the device for both
        Tensor grams = torch.stack(new TensorVector(a.mm(a.t()), b.t().mm(b))).cpu();
        double[] entries = Tensors.toDoubles(grams);
        int rank = Math.toIntExact(a.size(0));
        int square = rank * rank;
        double product = 0;
        for (int i = 0; i < square; i++) {
            product += entries[i] * entries[square + i];
        }
        double conditionA;
        double conditionB;
        if (loft != null) {
            conditionA = loft.conditionA();
            conditionB = loft.conditionB();
        } else {
            double[] values = Tensors.toDoubles(torch.linalg_eigvalsh(grams));
            conditionA = values[0] > 0 ? values[rank - 1] / values[0] : Double.POSITIVE_INFINITY;
            conditionB = values[rank] > 0 ? values[2 * rank - 1] / values[rank] : Double.POSITIVE_INFINITY;
        }
        return new LayerDiagnostics(
                layer.path(),
                layer.scale() * Math.sqrt(Math.max(0, product)),
                Math.sqrt(trace(entries, 0, rank)),
                Math.sqrt(trace(entries, square, rank)),
                conditionA,
                conditionB,
                loft);
    }

    private static double trace(double[] entries, int from, int rank) {
        double trace = 0;
        for (int i = 0; i < rank; i++) {
            trace += entries[from + i * (rank + 1)];
        }
        return trace;
    }

    /** {@code ‖W_t − W_{t−1}‖ / ‖scale·B·A‖} of LoFT's last step; not a number where it is not known or there is no update yet. */
    public double stepRatio() {
        return loft == null || updateNorm == 0 ? Double.NaN : loft.stepNorm() / updateNorm;
    }
}
