package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Shapes;

/** {@code y = x·Wᵀ + b} with {@code W: (out, in)}. An adapter takes the layer over by {@link #setForward}. */
public final class Linear {
    private final String path;
    private final Tensor weight;
    private final @Nullable Tensor bias;
    private @Nullable LinearForward override;

    /**
     * @param path module path in Hugging Face's layout, such as {@code model.layers.0.self_attn.q_proj}
     * @param weight {@code (out, in)}, owned by the model's weights
     * @param bias {@code (out)} or null
     */
    public Linear(String path, Tensor weight, @Nullable Tensor bias) {
        this.path = path;
        this.weight = Shapes.require(path + ".weight", weight, -1, -1);
        this.bias = bias;
        if (bias != null) {
            Shapes.require(path + ".bias", bias, weight.size(0));
        }
    }

    public Tensor forward(Tensor x) {
        return override == null ? baseForward(x) : override.forward(this, x);
    }

    /** The layer without whatever took it over. */
    public Tensor baseForward(Tensor x) {
        return bias == null ? product(x) : torch.linear(x, weight, new TensorOptional(bias));
    }

    /** {@code x·Wᵀ} of the layer itself, without the bias. */
    public Tensor product(Tensor x) {
        return torch.linear(x, weight, new TensorOptional());
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

    public Tensor weight() {
        return weight;
    }

    public @Nullable Tensor bias() {
        return bias;
    }

    public long inFeatures() {
        return weight.size(1);
    }

    public long outFeatures() {
        return weight.size(0);
    }
}
