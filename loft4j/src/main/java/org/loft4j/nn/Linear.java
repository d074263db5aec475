package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/** {@code y = x·Wᵀ + b} with {@code W: (out, in)}. An adapter takes the layer over by {@link #setForward}. */
public final class Linear {
    private final String path;
    private final WeightMatrix weight;
    private final @Nullable Tensor bias;
    private @Nullable LinearForward override;

    /**
     * @param path module path in Hugging Face's layout, such as {@code model.layers.0.self_attn.q_proj}
     * @param weight however it is stored
     * @param bias {@code (out)} or null
     */
    public Linear(String path, WeightMatrix weight, @Nullable Tensor bias) {
        this.path = path;
        this.weight = weight;
        this.bias = bias;
        if (bias != null) {
            Shapes.require(path + ".bias", bias, weight.out());
        }
    }

    /** @param weight {@code (out, in)}, owned by the model's weights */
    public Linear(String path, Tensor weight, @Nullable Tensor bias) {
        this(path, new DenseWeight(Shapes.require(path + ".weight", weight, -1, -1)), bias);
    }

    /**
     * A layer whose matrix is stored the other way round, as GPT-2's {@code Conv1D} does.
     *
     * @param weight {@code (in, out)}, owned by the model's weights
     */
    public static Linear transposed(String path, Tensor weight, @Nullable Tensor bias) {
        return new Linear(path, new TransposedWeight(Shapes.require(path + ".weight", weight, -1, -1)), bias);
    }

    public Tensor forward(Tensor x) {
        return override == null ? baseForward(x) : override.forward(this, x);
    }

    /**
     * The layer where its gradients alone are asked for, as when it is the last of what is computed again for the backward pass
     * ({@link ActivationCheckpoint}): what comes out has the graph of {@link #forward}, but need not have its numbers.
     */
    public Tensor forGradient(Tensor x) {
        return override == null ? baseForGradient(x) : override.forGradient(this, x);
    }

    /** Several layers on the same input, which may share what they do with it. */
    public static List<Tensor> forwardAll(List<Linear> layers, Tensor x) {
        LinearForward first = layers.get(0).override;
        return first == null ? layers.stream().map(layer -> layer.forward(x)).toList() : first.forwardAll(layers, x);
    }

    /** The layer without whatever took it over. */
    public Tensor baseForward(Tensor x) {
        return weight.product(x, bias);
    }

    /** {@link #forGradient} without whatever took the layer over: zeros, and no product where the layer is frozen. */
    public Tensor baseForGradient(Tensor x) {
        if (weight.isWritable() && weight.dense().requires_grad() || bias != null && bias.requires_grad()) {
            return baseForward(x);
        }
        long[] shape = Shapes.of(x);
        shape[shape.length - 1] = outFeatures();
        Tensor y = Tensors.empty(weight.dtype(), weight.device(), shape).zero_();
        AutogradFunction.lead(
                "a layer computed for its gradients alone has no second derivative",
                y,
                List.of(x),
                List.of(),
                (none, gradient) -> List.of(weight.gradientOfInput(gradient)));
        return y;
    }

    /** {@code x·Wᵀ} of the layer itself, without the bias. */
    public Tensor product(Tensor x) {
        return weight.product(x, null);
    }

    /** Lets something else compute this layer; null gives it back. */
    public void setForward(@Nullable LinearForward forward) {
        this.override = forward;
    }

    public @Nullable LinearForward override() {
        return override;
    }

    public String path() {
        return path;
    }

    /** How the matrix is stored. */
    public WeightMatrix matrix() {
        return weight;
    }

    /** The matrix {@code (out, in)}; see {@link WeightMatrix#dense}. */
    public Tensor weight() {
        return weight.dense();
    }

    public @Nullable Tensor bias() {
        return bias;
    }

    public long inFeatures() {
        return weight.in();
    }

    public long outFeatures() {
        return weight.out();
    }
}
