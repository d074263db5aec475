package org.loft4j.adapter;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.nn.Dropout;
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
 * column of B, the sink, is zero: it adds nothing, and only the gradient of that column is computed. With dropout A reads {@code k·(x ⊙
 * D)}, and what comes back from it goes the same way, as in {@link DroppedProduct}.
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
        boolean drops = layers.get(0).drops();
        return rows.size(0) >= FEWEST
                && rows.numel() * outputs >= WORTHWHILE
                && BlockProduct.pays(rows)
                && layers.stream().allMatch(layer -> layer.drops() == drops && takes(layer, rows));
    }

    private static boolean takes(LoraLinear layer, Tensor rows) {
        Linear base = layer.base();
        // DoRA has the base read what dropout leaves as well
        return !layer.isMerged()
                && (!layer.drops() || layer.magnitude() == null && Dropout.isDrawn(rows))
                && base.matrix().isWritable()
                && base.matrix().dtype() == Dtype.F32
                && Dtype.of(layer.loraA()) == Dtype.F32
                && !base.weight().requires_grad();
    }

    /**
     * What the backward pass reads of one layer.
     *
     * @param k by what dropout multiplies what stays
     * @param stays of dropout, null without
     */
    private record Kept(
            double scale,
            double k,
            Tensor low,
            Tensor loraA,
            Tensor loraB,
            Tensor weight,
            @Nullable Tensor stays) {
        static List<Tensor> of(LoraLinear layer, Tensor low, @Nullable Tensor stays) {
            List<Tensor> all = new ArrayList<>(
                    List.of(low, layer.loraA(), layer.loraB(), layer.base().weight()));
            if (stays != null) {
                all.add(stays);
            }
            return all;
        }

        static Kept read(LoraLinear layer, List<Tensor> own) {
            Tensor stays = own.size() > 4 ? own.get(4) : null;
            return new Kept(layer.scale(), kept(layer, stays), own.get(0), own.get(1), own.get(2), own.get(3), stays);
        }

        Tensor ofLow(Tensor gradient) {
            return BlockProduct.of(new Term(scale, gradient, loraB));
        }

        /** @param before what other layers have found, which is added to */
        Tensor ofInput(Tensor gradient, Tensor ofLow, @Nullable Tensor before) {
            Tensor sum = before != null
                    ? before
                    : Tensors.empty(Dtype.F32, DeviceSpec.CPU, gradient.size(0), weight.size(1));
            Term ofBase = new Term(gradient, weight);
            Term ofAdapter = new Term(k, ofLow, loraA);
            if (stays == null) {
                add(sum, before != null, ofBase, ofAdapter);
                return sum;
            }
            add(sum, before != null, ofBase);
            return sum.add_(BlockProduct.of(ofAdapter).mul_(stays));
        }

        /** @param x what the layers read */
        Tensor ofA(Tensor ofLow, Tensor x) {
            return BlockProduct.of(new Term(k, ofLow.t(), left(x, stays)));
        }

        /** Columns of B, and of a sink, as rows: the product takes less time with many columns. */
        Tensor ofColumns(Tensor gradient) {
            return BlockProduct.of(new Term(scale, low.t(), gradient));
        }
    }

    private static double kept(LoraLinear layer, @Nullable Tensor stays) {
        return stays == null ? 1 : Dropout.kept(layer.dropout());
    }

    /** What dropout leaves of x. */
    private static Tensor left(Tensor x, @Nullable Tensor stays) {
        return stays == null ? x : x.mul(stays);
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
            List<@Nullable Tensor> stays = stays(layers, x);
            for (Tensor low : low(layers, x, stays)) {
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
                firsts.add(inputs.size());
                inputs.addAll(layer.learnt());
                saved.addAll(Kept.of(layer, low, stays.get(results.size())));
                results.add(y);
            }
        }
        boolean learnsX = x.requires_grad();
        boolean learnsA = layers.stream().anyMatch(layer -> layer.loraA().requires_grad());
        int each = saved.size() / layers.size();
        if (learnsA) {
            saved.add(x);
        }
        AutogradFunction.leadSeveral(
                "a layer with LoRA has no second derivative here", results, inputs, saved, (all, i, arrived, sums) -> {
                    Kept kept = Kept.read(layers.get(i), all.subList(i * each, (i + 1) * each));
                    Tensor gradient = BlockProduct.dense(arrived);
                    Tensor ofLow = kept.ofLow(gradient);
                    if (learnsX) {
                        sums[0] = kept.ofInput(gradient, ofLow, sums[0]);
                    }
                    int first = firsts.get(i);
                    if (learnsA) {
                        sums[first] = kept.ofA(ofLow, all.get(all.size() - 1));
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

    /** What dropout draws for each layer, null without. */
    private static List<@Nullable Tensor> stays(List<LoraLinear> layers, Tensor x) {
        List<@Nullable Tensor> all = new ArrayList<>();
        layers.forEach(layer -> all.add(layer.drops() ? Dropout.drawn(x, layer.dropout()) : null));
        return all;
    }

    /**
     * {@code sum ← base + adapter}. Where blocks of the weight would be read too slowly, base is a product of OpenBLAS' large kernels.
     *
     * @param more whether both are added to what is in the sum
     */
    private static void add(Tensor sum, boolean more, Term base, Term... adapter) {
        if (BlockProduct.readsLines(base.b())) {
            BlockProduct.sum(
                    sum,
                    more,
                    Stream.concat(Stream.of(base), Stream.of(adapter)).toArray(Term[]::new));
            return;
        }
        if (more) {
            sum.addmm_(base.a(), base.b());
        } else {
            torch.mm_out(sum, base.a(), base.b());
        }
        if (adapter.length > 0) {
            BlockProduct.sum(sum, true, adapter);
        }
    }

    /** {@code x·Aᵀ} of each: one product where all read the same, for x is laid out once then. */
    private static List<Tensor> low(List<LoraLinear> layers, Tensor x, List<@Nullable Tensor> stays) {
        List<Tensor> factors = layers.stream().map(LoraLinear::readA).toList();
        List<Tensor> low = new ArrayList<>();
        if (layers.get(0).drops()) {
            for (Tensor factor : factors) {
                LoraLinear layer = layers.get(low.size());
                Tensor own = stays.get(low.size());
                low.add(BlockProduct.of(new Term(kept(layer, own), left(x, own), factor.t())));
            }
            return low;
        }
        Tensor stacked =
                factors.size() == 1 ? factors.get(0) : torch.cat(new TensorVector(factors.toArray(Tensor[]::new)), 0);
        Tensor all = BlockProduct.of(new Term(x, stacked.t()));
        long start = 0;
        for (Tensor factor : factors) {
            low.add(all.narrow(1, start, factor.size(0)));
            start += factor.size(0);
        }
        return low;
    }
}
