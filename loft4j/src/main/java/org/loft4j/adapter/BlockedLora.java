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
 * Layers with LoRA on the same input in float32, in a lane, as one function by {@link BlockProduct}:
 *
 * <pre>  Z = x·Aᵀ        y  = x·W0ᵀ + scale·Z·Bᵀ
 *  ∂Z = scale·∂y·B  ∂x = ∂y·W0 + ∂Z·A        ∂A = ∂Zᵀ·x        ∂B = scale·∂yᵀ·Z</pre>
 *
 * <p>What an adapter adds joins a block of y, or of ∂x, while that is in the cache.
 */
final class BlockedLora {
    /** Rows from which it pays to turn a strip of the weight first. */
    private static final long FEWEST = 64;

    /** Multiplications from which it saves more than a function of our own costs. */
    private static final long WORTHWHILE = 1L << 24;

    private BlockedLora() {}

    /** @param rows {@code (count, in)} */
    static boolean takes(List<LoraLinear> layers, Tensor rows) {
        long outputs =
                layers.stream().mapToLong(layer -> layer.base().outFeatures()).sum();
        return rows.size(0) >= FEWEST
                && rows.numel() * outputs >= WORTHWHILE
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

    /** What the backward pass reads of one layer. */
    private record Kept(double scale, Tensor low, Tensor loraA, Tensor loraB, Tensor weight) {
        static final int COUNT = 4;

        static List<Tensor> of(LoraLinear layer, Tensor low) {
            return List.of(low, layer.loraA(), layer.loraB(), layer.base().weight());
        }

        static Kept read(double scale, List<Tensor> saved, int layer) {
            List<Tensor> own = saved.subList(layer * COUNT, (layer + 1) * COUNT);
            return new Kept(scale, own.get(0), own.get(1), own.get(2), own.get(3));
        }

        Tensor ofLow(Tensor gradient) {
            return BlockProduct.of(new Term(scale, gradient, loraB));
        }

        /** @param before what other layers have found, which is added to */
        Tensor ofInput(Tensor gradient, Tensor ofLow, @Nullable Tensor before) {
            Tensor sum = before != null
                    ? before
                    : Tensors.empty(Dtype.F32, DeviceSpec.CPU, gradient.size(0), weight.size(1));
            add(sum, before != null, new Term(gradient, weight), new Term(ofLow, loraA));
            return sum;
        }

        /** The other way round first: rows of many columns take less time. */
        Tensor ofB(Tensor gradient) {
            return BlockProduct.of(new Term(scale, low.t(), gradient)).t().contiguous();
        }
    }

    /**
     * The layers without their biases, and without what DoRA makes longer.
     *
     * @param rows {@code (count, in)}
     * @return {@code (count, out)} of each
     */
    static List<Tensor> of(List<LoraLinear> layers, Tensor rows) {
        Tensor x = BlockProduct.dense(rows);
        List<Tensor> inputs = new ArrayList<>(List.of(x));
        List<Tensor> saved = new ArrayList<>();
        List<Tensor> results = new ArrayList<>();
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            for (Tensor low : low(layers, x)) {
                LoraLinear layer = layers.get(results.size());
                Tensor y = BlockProduct.room(x.size(0), layer.base().outFeatures());
                add(
                        y,
                        false,
                        new Term(x, layer.base().weight().t()),
                        new Term(layer.scale(), low, layer.loraB().t()));
                results.add(y);
                inputs.addAll(List.of(layer.loraA(), layer.loraB()));
                saved.addAll(Kept.of(layer, low));
            }
        }
        boolean learnsX = x.requires_grad();
        boolean learnsA = layers.stream().anyMatch(layer -> layer.loraA().requires_grad());
        if (learnsA) {
            saved.add(x);
        }
        AutogradFunction.leadSeveral(
                "a layer with LoRA has no second derivative here", results, inputs, saved, (all, i, arrived, sums) -> {
                    Kept kept = Kept.read(layers.get(i).scale(), all, i);
                    Tensor gradient = BlockProduct.dense(arrived);
                    Tensor ofLow = kept.ofLow(gradient);
                    if (learnsX) {
                        sums[0] = kept.ofInput(gradient, ofLow, sums[0]);
                    }
                    if (learnsA) {
                        sums[1 + 2 * i] = BlockProduct.of(new Term(ofLow.t(), all.get(all.size() - 1)));
                    }
                    sums[2 + 2 * i] = kept.ofB(gradient);
                });
        return results;
    }

    /**
     * {@code sum ← base + adapter}. Where blocks of the weight would be read too slowly, base is a product of OpenBLAS' large kernels.
     *
     * @param more whether both are added to what is in the sum
     */
    private static void add(Tensor sum, boolean more, Term base, Term adapter) {
        if (BlockProduct.readsLines(base.b())) {
            BlockProduct.sum(sum, more, base, adapter);
            return;
        }
        if (more) {
            sum.addmm_(base.a(), base.b());
        } else {
            torch.mm_out(sum, base.a(), base.b());
        }
        BlockProduct.sum(sum, true, adapter);
    }

    /** {@code x·Aᵀ} of each: one product, for x is laid out once then. */
    private static List<Tensor> low(List<LoraLinear> layers, Tensor x) {
        Tensor[] factors = layers.stream().map(LoraLinear::loraA).toArray(Tensor[]::new);
        Tensor stacked = factors.length == 1 ? factors[0] : torch.cat(new TensorVector(factors), 0);
        Tensor all = BlockProduct.of(new Term(x, stacked.t()));
        List<Tensor> low = new ArrayList<>();
        long start = 0;
        for (LoraLinear layer : layers) {
            low.add(all.narrow(1, start, layer.rank()));
            start += layer.rank();
        }
        return low;
    }
}
