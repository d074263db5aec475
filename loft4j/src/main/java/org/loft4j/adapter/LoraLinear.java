package org.loft4j.adapter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.nn.Dropout;
import org.loft4j.nn.Inference;
import org.loft4j.nn.Linear;
import org.loft4j.nn.LinearForward;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/**
 * A linear layer with a low-rank adapter beside its frozen weight (Hu et al. 2021, arXiv:2106.09685, eq. 3):
 *
 * <pre>  y = x·W0ᵀ + b + scale·(dropout(x)·Aᵀ)·Bᵀ</pre>
 *
 * with {@code A: (r, in)} and {@code B: (out, r)}. Where the base is float16 or bfloat16 the factors stay float32, and are
 * rounded to the type of the input for the product, which costs r·(in + out) conversions and not tokens·in, but for few tokens of an
 * answer.
 *
 * <p>With a {@link Magnitude} it is DoRA's layer: what is above but for the bias, {@code v = x·W0ᵀ + scale·(x·Aᵀ)·Bᵀ}, is
 * stretched,
 *
 * <pre>  y = v + (m / ‖V‖ − 1) ⊙ v + b</pre>
 *
 * In training with dropout the second v is that of the input after dropout, {@code v = d·W0ᵀ + scale·(d·Aᵀ)·Bᵀ} with {@code
 * d = dropout(x)}, as in PEFT; this costs a second product with the base weight.
 */
public final class LoraLinear implements LinearForward {
    /** Rows of an answer for which thin products are faster in the factors' own type. */
    private static final long FEW = 16;

    private final LoraAdapter adapter;
    private final Linear base;
    private final Tensor loraA;
    private final Tensor loraB;
    private final double scale;
    private final double dropout;
    private final @Nullable Magnitude magnitude;
    private final @Nullable Dtype product;
    private @Nullable Tensor probeDirection;
    private @Nullable Tensor probeSink;
    private boolean training;
    private boolean merged;

    /** @param magnitude DoRA's m, {@code (out)}; null for plain LoRA */
    LoraLinear(
            LoraAdapter adapter,
            Linear base,
            Tensor loraA,
            Tensor loraB,
            @Nullable Tensor magnitude,
            double scale,
            double dropout) {
        this.adapter = adapter;
        this.base = base;
        this.loraA = Shapes.require(path() + ".lora_A", loraA, -1, base.inFeatures());
        this.loraB = Shapes.require(path() + ".lora_B", loraB, base.outFeatures(), loraA.size(0));
        this.scale = scale;
        this.dropout = dropout;
        this.magnitude = magnitude == null
                ? null
                : new Magnitude(
                        Shapes.require(path() + ".lora_magnitude_vector", magnitude, base.outFeatures()),
                        new RowNorms(base.matrix(), loraA, loraB, scale));
        Dtype dtype = base.matrix().dtype();
        this.product = dtype == Dtype.of(loraA) ? null : dtype;
    }

    @Override
    public Tensor forward(Linear layer, Tensor x) {
        if (merged) {
            return layer.baseForward(x);
        }
        Tensor rows = rows(x);
        if (BlockedLora.takes(List.of(this), rows)) {
            return shaped(finished(BlockedLora.of(List.of(this), rows).get(0), layer.bias()), x);
        }
        return shaped(forward(layer, rows, layer::baseForward), x);
    }

    /** What DoRA's m gets depends on the numbers that come out. */
    @Override
    public Tensor forGradient(Linear layer, Tensor x) {
        if (merged) {
            return layer.baseForGradient(x);
        }
        return magnitude == null ? shaped(forward(layer, rows(x), layer::baseForGradient), x) : forward(layer, x);
    }

    private Tensor forward(Linear layer, Tensor rows, UnaryOperator<Tensor> baseProduct) {
        if (!drops() && isFewOfAnswer(rows)) {
            return stretched(addUpdateOfFew(baseProduct.apply(rows), rows), layer.bias());
        }
        if (drops() && magnitude == null && Dropout.isDrawn(rows)) {
            return addUpdate(baseProduct.apply(rows), DroppedProduct.of(rows, cast(readA()), dropout));
        }
        // In two dimensions the base product owns its memory, so the adapter's product can be added in place: autograd
        // would copy the whole gradient for an in-place sum into a view. The scale rides on the product for nothing.
        Tensor dropped = Dropout.apply(rows, dropout, training);
        Tensor low = torch.mm(dropped, cast(readA()).t());
        Tensor y = addUpdate(baseProduct.apply(rows), low);
        return magnitude != null && drops()
                ? y.addcmul_(addUpdate(layer.product(dropped), low), cast(magnitude.excess()))
                : stretched(y, layer.bias());
    }

    /** What DoRA makes of a result in which the bias is. */
    private Tensor stretched(Tensor y, @Nullable Tensor bias) {
        if (magnitude == null) {
            return y;
        }
        return bias == null ? magnitude.stretched(y) : y.addcmul_(y.sub(bias), cast(magnitude.excess()));
    }

    /** The result of a sum without the bias, whose memory it takes. */
    private Tensor finished(Tensor v, @Nullable Tensor bias) {
        if (magnitude == null) {
            return bias == null ? v : v.add_(bias);
        }
        Tensor y = magnitude.stretched(v);
        return bias == null ? y : y.add(bias);
    }

    /**
     * The products with the A of all of them are one product, forward and back: each of these thin products alone takes longer to
     * lay out x than to multiply.
     */
    @Override
    public List<Tensor> forwardAll(List<Linear> layers, Tensor x) {
        List<LoraLinear> adapted = layers.stream()
                .map(Linear::override)
                .filter(LoraLinear.class::isInstance)
                .map(LoraLinear.class::cast)
                .filter(layer -> !layer.merged)
                .toList();
        if (adapted.size() < layers.size()) {
            return LinearForward.super.forwardAll(layers, x);
        }
        Tensor rows = rows(x);
        if (BlockedLora.takes(adapted, rows)) {
            List<Tensor> products = BlockedLora.of(adapted, rows);
            List<Tensor> all = new ArrayList<>();
            for (LoraLinear layer : adapted) {
                all.add(layer.shaped(layer.finished(products.get(all.size()), layer.base.bias()), x));
            }
            return all;
        }
        return isFewOfAnswer(rows) || adapted.stream().anyMatch(LoraLinear::drops)
                ? LinearForward.super.forwardAll(layers, x)
                : forwardPlain(adapted, rows, x);
    }

    private static List<Tensor> forwardPlain(List<LoraLinear> plain, Tensor rows, Tensor x) {
        LoraLinear first = plain.get(0);
        List<Tensor> factors = plain.stream().map(LoraLinear::readA).toList();
        Tensor stacked = torch.cat(new TensorVector(factors.toArray(Tensor[]::new)), 0);
        TensorVector low = torch.mm(rows, first.cast(stacked).t())
                .split_with_sizes(
                        factors.stream().mapToLong(factor -> factor.size(0)).toArray(), 1);
        List<Tensor> all = new ArrayList<>();
        for (LoraLinear layer : plain) {
            Tensor y = layer.addUpdate(layer.base.baseForward(rows), low.get(all.size()));
            all.add(layer.shaped(layer.stretched(y, layer.base.bias()), x));
        }
        return all;
    }

    /** Whether A reads what dropout leaves of x. */
    boolean drops() {
        return training && dropout > 0;
    }

    /** The share of x that A does not read, in training. */
    double dropout() {
        return dropout;
    }

    private Tensor rows(Tensor x) {
        long[] shape = Shapes.of(x);
        int last = shape.length - 1;
        if (last < 0 || shape[last] != base.inFeatures()) {
            throw new ShapeException(path() + " takes (…, " + base.inFeatures() + "), got " + Shapes.text(shape));
        }
        return last == 1 ? x : x.reshape(-1, shape[last]);
    }

    /** The rows of y in the shape of x. */
    private Tensor shaped(Tensor y, Tensor x) {
        long[] shape = Shapes.of(x);
        if (shape.length == 2) {
            return y;
        }
        shape[shape.length - 1] = base.outFeatures();
        return y.view(shape);
    }

    private Tensor addUpdate(Tensor y, Tensor low) {
        y.addmm_(low, cast(probed(loraB, probeSink, 1)).t(), new Scalar(1.0), new Scalar(scale));
        return y;
    }

    /** Whether the rows are so few tokens of an answer, on the processor, that {@link #addUpdateOfFew} is the faster way. */
    private static boolean isFewOfAnswer(Tensor rows) {
        return Inference.isOpen() && !rows.is_cuda() && rows.size(0) > 0 && rows.size(0) <= FEW;
    }

    /** Where it takes as long to copy a factor, into another type or beside others, as to multiply by it, both are read where they lie. */
    private Tensor addUpdateOfFew(Tensor y, Tensor rows) {
        return Lanes.unshared(() -> {
            Tensor wide = rows.to(loraA.scalar_type());
            if (wide.size(0) > 1) {
                return y.add_(wide.mm(loraA.t()).mm(loraB.t()), new Scalar(scale));
            }
            Tensor low = loraA.mv(wide.view(-1));
            return product == null
                    ? y.view(-1)
                            .addmv_(loraB, low, new Scalar(1.0), new Scalar(scale))
                            .view(1, -1)
                    : y.add_(loraB.mv(low), new Scalar(scale));
        });
    }

    /** {@code (r, in)}, or {@code (r + 1, in)} with the direction of a probe. */
    Tensor readA() {
        return probed(loraA, probeDirection, 0);
    }

    /** A, B and, with a probe in training, its sink: what a gradient is looked for. */
    List<Tensor> learnt() {
        return training && probeSink != null ? List.of(loraA, loraB, probeSink) : List.of(loraA, loraB);
    }

    /** The probe rides along as one more rank. */
    private Tensor probed(Tensor factor, @Nullable Tensor probe, long dimension) {
        return training && probe != null ? torch.cat(new TensorVector(factor, probe), dimension) : factor;
    }

    private Tensor cast(Tensor factor) {
        return product == null ? factor : factor.to(product.scalarType());
    }

    /** Module path of the layer in Hugging Face's layout. */
    public String path() {
        return base.path();
    }

    /** {@code (r, in)}, a leaf that requires its gradient; owned by the adapter. */
    public Tensor loraA() {
        return loraA;
    }

    /** {@code (out, r)}, a leaf that requires its gradient; owned by the adapter. */
    public Tensor loraB() {
        return loraB;
    }

    /** DoRA's length of each row, {@code (out)}, a leaf that requires its gradient; owned by the adapter. Null for LoRA. */
    public @Nullable Tensor magnitude() {
        return magnitude == null ? null : magnitude.vector();
    }

    /** What multiplies {@code B·A}. */
    public double scale() {
        return scale;
    }

    public long rank() {
        return loraA.size(0);
    }

    /**
     * What the adapter adds to the base weight, {@code ΔW} of shape {@code (out, in)}: float32, or float64 for a float64
     * model. It is as large as the weight itself and belongs to the open scope.
     *
     * <pre>  LoRA  ΔW = scale·B·A
     *  DoRA  ΔW = scale·B·A + (m / ‖V‖ − 1) ⊙ (W0 + scale·B·A)</pre>
     *
     * @throws IllegalStateException if a DoRA adapter is merged, since W0 is not there then
     */
    public Tensor delta() {
        return delta(0, loraB.size(0));
    }

    /**
     * Some rows of it, of shape {@code (rows, in)}.
     *
     * @param start the first of them
     * @throws IllegalStateException as {@link #delta()} does
     */
    public Tensor delta(long start, long rows) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor delta = loraB.narrow(0, start, rows).mm(loraA).mul_(new Scalar(scale));
            if (magnitude != null) {
                if (merged) {
                    throw new IllegalStateException(path() + " is merged: unmerge it to tell what it changes");
                }
                Tensor excess = magnitude.excess().narrow(0, start, rows).unsqueeze(1);
                delta.addcmul_(delta.add(base.weight().narrow(0, start, rows)), excess);
            }
            return scope.toEnclosing(delta);
        }
    }

    /** The layer with its frozen weight. */
    public Linear base() {
        return base;
    }

    /**
     * In training, computes {@code W + scale·sink·direction} besides, so that the gradient of the sink, which stays zero, is the
     * full gradient of W in one direction.
     *
     * @param direction {@code (1, in)}
     * @param sink {@code (out, 1)}, zero, a leaf that requires its gradient
     */
    void setProbe(Tensor direction, Tensor sink) {
        probeDirection = Shapes.require(path() + ".probe", direction, 1, base.inFeatures());
        probeSink = Shapes.require(path() + ".probe", sink, base.outFeatures(), 1);
    }

    /** The direction of the probe, or null if there is none; owned by the adapter. */
    public @Nullable Tensor probeDirection() {
        return probeDirection;
    }

    /** The sink of the probe, or null if there is none; owned by the adapter. */
    public @Nullable Tensor probeSink() {
        return probeSink;
    }

    LoraAdapter adapter() {
        return adapter;
    }

    void setTraining(boolean training) {
        this.training = training;
    }

    /** While the adapter is merged the base weight says everything. */
    void setMerged(boolean merged) {
        this.merged = merged;
    }

    boolean isMerged() {
        return merged;
    }

    void renewNorms() {
        if (magnitude != null) {
            magnitude.renew();
        }
    }

    /** Frees what was computed of the factors; these belong to the adapter. */
    void close() {
        if (magnitude != null) {
            magnitude.close();
        }
    }

    @Override
    public String toString() {
        return path() + " " + Arrays.toString(new long[] {base.outFeatures(), rank(), base.inFeatures()});
    }
}
