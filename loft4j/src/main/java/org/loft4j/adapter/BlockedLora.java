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
 * <p>What an adapter adds joins a block of y, or of ∂x, while that is in the cache. The direction of a probe is one more row of A, whose
 * column of B, the sink, is zero: it adds nothing, and only the gradient of that column is computed.
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

        /** Columns of B, and of a sink, as rows: the product takes less time with many columns. */
        Tensor ofColumns(Tensor gradient) {
            return BlockProduct.of(new Term(scale, low.t(), gradient));
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
        List<Integer> firsts = new ArrayList<>();
        List<Tensor> results = new ArrayList<>();
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            for (Tensor low : low(layers, x)) {
                LoraLinear layer = layers.get(results.size());
                Tensor y = BlockProduct.room(x.size(0), layer.base().outFeatures());
                add(
                        y,
                        false,
                        new Term(x, layer.base().weight().t()),
                        new Term(
                                layer.scale(),
                                low.narrow(1, 0, layer.rank()),
                                layer.loraB().t()));
                results.add(y);
                firsts.add(inputs.size());
                inputs.addAll(layer.learnt());
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
                    int first = firsts.get(i);
                    if (learnsA) {
                        sums[first] = BlockProduct.of(new Term(ofLow.t(), all.get(all.size() - 1)));
                    }
                    Tensor columns = kept.ofColumns(gradient);
                    long rank = kept.loraB().size(1);
                    sums[first + 1] = columns.narrow(0, 0, rank).t().contiguous();
                    if (columns.size(0) > rank) {
                        sums[first + 2] = columns.narrow(0, rank, 1).t().contiguous();
                    }
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
        List<Tensor> factors = layers.stream().map(LoraLinear::readA).toList();
        Tensor stacked =
                factors.size() == 1 ? factors.get(0) : torch.cat(new TensorVector(factors.toArray(Tensor[]::new)), 0);
        Tensor all = BlockProduct.of(new Term(x, stacked.t()));
        List<Tensor> low = new ArrayList<>();
        long start = 0;
        for (Tensor factor : factors) {
            low.add(all.narrow(1, start, factor.size(0)));
            start += factor.size(0);
        }
        return low;
    }
}
