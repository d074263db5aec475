package org.loft4j.adapter;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.nn.Linear;
import org.loft4j.tensor.BlockProduct;
import org.loft4j.tensor.BlockProduct.Term;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * Layers with plain LoRA on the same input in float32, in a lane, as one function by {@link BlockProduct}:
 *
 * <pre>  Z = x·Aᵀ        y  = x·W0ᵀ + b + scale·Z·Bᵀ
 *  ∂Z = scale·∂y·B  ∂x = ∂y·W0 + ∂Z·A        ∂A = ∂Zᵀ·x        ∂B = scale·∂yᵀ·Z</pre>
 *
 * <p>What an adapter adds joins a block of y, or of ∂x, while that is in the cache.
 */
final class BlockedLora {
    /** Rows from which it pays to turn a strip of the weight first. */
    private static final long FEWEST = 64;

    /** Multiplications from which it saves more than a function of our own costs. */
    private static final long WORTHWHILE = 1L << 24;

    /** Columns of a frozen weight at most for the backward pass, which reads blocks of it where they lie, line by line. */
    private static final long WIDEST = 1536;

    private BlockedLora() {}

    /** @param rows {@code (count, in)} */
    static boolean takes(List<LoraLinear> layers, Tensor rows) {
        long outputs =
                layers.stream().mapToLong(layer -> layer.base().outFeatures()).sum();
        return rows.size(0) >= FEWEST
                && rows.numel() * outputs >= WORTHWHILE
                && rows.is_contiguous()
                && BlockProduct.pays(rows)
                && layers.stream().allMatch(BlockedLora::takes);
    }

    private static boolean takes(LoraLinear layer) {
        Linear base = layer.base();
        return base.matrix().isWritable()
                && base.matrix().dtype() == Dtype.F32
                && Dtype.of(layer.loraA()) == Dtype.F32
                && !base.weight().requires_grad();
    }

    /** @return {@code (count, out)} of each */
    static List<Tensor> of(List<LoraLinear> layers, Tensor x) {
        List<Tensor> inputs = new ArrayList<>(List.of(x));
        layers.forEach(layer -> inputs.addAll(List.of(layer.loraA(), layer.loraB())));
        List<Tensor> saved = new ArrayList<>(List.of(x));
        List<Tensor> results = new ArrayList<>();
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            List<Tensor> low = low(layers, x);
            for (LoraLinear layer : layers) {
                Tensor z = low.get(results.size());
                results.add(forward(layer, x, z));
                saved.add(z);
            }
        }
        boolean inner = x.requires_grad();
        AutogradFunction.leadSeveral(
                "a layer with LoRA has no second derivative here",
                results,
                inputs,
                saved,
                (kept, i, gradient, sums) -> {
                    Tensor dense = gradient.contiguous();
                    Tensor ofLow = ofLow(layers.get(i), dense);
                    if (inner) {
                        sums[0] = ofInput(layers.get(i), dense, ofLow, sums[0]);
                    }
                    sums[1 + 2 * i] = ofA(ofLow, kept.get(0));
                    sums[2 + 2 * i] = ofB(layers.get(i), kept.get(1 + i), dense);
                });
        for (int i = 0; i < results.size(); i++) {
            Tensor bias = layers.get(i).base().bias();
            if (bias != null) {
                results.get(i).add_(bias);
            }
        }
        return results;
    }

    private static List<Tensor> low(List<LoraLinear> layers, Tensor x) {
        Tensor[] factors = layers.stream().map(LoraLinear::loraA).toArray(Tensor[]::new);
        Tensor stacked = factors.length == 1 ? factors[0] : torch.cat(new TensorVector(factors), 0);
        Tensor all = matrix(x.size(0), stacked.size(0));
        BlockProduct.sum(all, false, new Term(x, stacked.t()));
        List<Tensor> low = new ArrayList<>();
        long start = 0;
        for (LoraLinear layer : layers) {
            low.add(all.narrow(1, start, layer.rank()));
            start += layer.rank();
        }
        return low;
    }

    private static Tensor forward(LoraLinear layer, Tensor x, Tensor low) {
        Tensor y = matrix(x.size(0), layer.base().outFeatures());
        BlockProduct.sum(
                y,
                false,
                new Term(x, layer.base().weight().t()),
                new Term(layer.scale(), low, layer.loraB().t()));
        return y;
    }

    private static Tensor ofLow(LoraLinear layer, Tensor gradient) {
        Tensor ofLow = matrix(gradient.size(0), layer.rank());
        BlockProduct.sum(ofLow, false, new Term(layer.scale(), gradient, layer.loraB()));
        return ofLow;
    }

    /** @param before what other layers have found, which is added to */
    private static Tensor ofInput(LoraLinear layer, Tensor gradient, Tensor ofLow, @Nullable Tensor before) {
        Tensor weight = layer.base().weight();
        Term adapter = new Term(ofLow, layer.loraA());
        Tensor sum = before == null ? matrix(gradient.size(0), weight.size(1)) : before;
        if (weight.size(1) <= WIDEST) {
            BlockProduct.sum(sum, before != null, new Term(gradient, weight), adapter);
            return sum;
        }
        if (before == null) {
            torch.mm_out(sum, gradient, weight);
        } else {
            sum.addmm_(gradient, weight);
        }
        BlockProduct.sum(sum, true, adapter);
        return sum;
    }

    private static Tensor ofA(Tensor ofLow, Tensor x) {
        Tensor ofA = matrix(ofLow.size(1), x.size(1));
        BlockProduct.sum(ofA, false, new Term(ofLow.t(), x));
        return ofA;
    }

    /** The other way round first: as rows of many columns it takes less time. */
    private static Tensor ofB(LoraLinear layer, Tensor low, Tensor gradient) {
        Tensor turned = matrix(low.size(1), gradient.size(1));
        BlockProduct.sum(turned, false, new Term(layer.scale(), low.t(), gradient));
        return turned.t().contiguous();
    }

    private static Tensor matrix(long rows, long columns) {
        return Tensors.empty(Dtype.F32, DeviceSpec.CPU, rows, columns);
    }
}
