package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * The dense layers that some models of sentence embeddings have behind their pooling, in sentence-transformers modules
 * {@code Dense}. They are frozen: gradients go through them and none is theirs.
 */
public final class VectorLayers implements AutoCloseable {
    /** Vectors as they were pooled. */
    public static final VectorLayers NONE = new VectorLayers(List.of());

    private final List<Dense> layers;

    /**
     * One of them, {@code activation(x·Wᵀ + b)}.
     *
     * @param weight {@code (out, in)}
     * @param bias {@code (out)}; null for none
     * @param activation null for none
     */
    public record Dense(
            Tensor weight, @Nullable Tensor bias, @Nullable Activation activation) {
        Tensor apply(Tensor x, Dtype type) {
            Tensor of = weight.to(type.scalarType());
            TensorOptional added = bias == null ? new TensorOptional() : new TensorOptional(bias.to(type.scalarType()));
            Tensor y = torch.linear(x, of, added);
            return activation == null ? y : activation.apply(y);
        }
    }

    /**
     * @param layers in their order; their tensors belong to the open scope until {@link #keep}
     * @throws ShapeException if one does not read what the one before it gives
     */
    public VectorLayers(List<Dense> layers) {
        this.layers = List.copyOf(layers);
        for (int i = 1; i < layers.size(); i++) {
            requireWidth(layers.get(i), layers.get(i - 1).weight().size(0));
        }
    }

    /**
     * How many numbers a vector has behind them.
     *
     * @param pooled how many it has before them
     * @throws ShapeException if the first layer reads another number
     */
    public long size(long pooled) {
        if (layers.isEmpty()) {
            return pooled;
        }
        requireWidth(layers.get(0), pooled);
        return layers.get(layers.size() - 1).weight().size(0);
    }

    private static void requireWidth(Dense layer, long given) {
        if (layer.weight().size(1) != given) {
            throw new ShapeException("a dense layer behind the pooling reads vectors of "
                    + layer.weight().size(1) + " numbers, but is given " + given);
        }
    }

    /** Takes vectors {@code (batch, in)} through them, half types in float32. */
    public Tensor apply(Tensor vectors) {
        if (layers.isEmpty()) {
            return vectors;
        }
        Dtype own = Dtype.of(vectors);
        Dtype type = own == Dtype.F64 ? own : Dtype.F32;
        Tensor x = vectors.to(type.scalarType());
        for (Dense layer : layers) {
            x = layer.apply(x, type);
        }
        return x;
    }

    /** Takes the tensors out of the open scope: whoever has this object frees them. */
    public void keep() {
        tensors().forEach(NativeScope::keep);
    }

    @Override
    public void close() {
        tensors().forEach(Tensor::close);
    }

    private List<Tensor> tensors() {
        List<Tensor> tensors = new ArrayList<>();
        for (Dense layer : layers) {
            tensors.add(layer.weight());
            if (layer.bias() != null) {
                tensors.add(layer.bias());
            }
        }
        return tensors;
    }
}
