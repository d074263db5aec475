package org.loft4j.nn;

import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** From a vector to the logits of classes: for some families through a dense layer, with dropout while training. */
public final class ClassifierHead {
    private final @Nullable Dense dense;
    private final Linear classifier;
    private final double dropout;

    /**
     * The layer in front of the classifier.
     *
     * @param dropout of what goes in, while training
     * @param norm behind the activation; null for none
     */
    public record Dense(
            Linear linear,
            Activation activation,
            double dropout,
            @Nullable Norm norm) {
        /** Without a norm. */
        public Dense(Linear linear, Activation activation, double dropout) {
            this(linear, activation, dropout, null);
        }
    }

    /**
     * @param dense null where the classifier reads the vector itself
     * @param dropout of what goes into the classifier, while training
     */
    public ClassifierHead(@Nullable Dense dense, Linear classifier, double dropout) {
        this.dense = dense;
        this.classifier = classifier;
        this.dropout = dropout;
    }

    /** Maps {@code (…, hidden)} to {@code (…, labels)}. */
    public Tensor forward(Tensor x, boolean training) {
        Tensor read = x;
        if (dense != null) {
            Tensor in = Dropout.apply(x, dense.dropout(), training);
            read = dense.activation().apply(dense.linear().forward(in));
            read = dense.norm() == null ? read : dense.norm().forward(read);
        }
        return classifier.forward(Dropout.apply(read, dropout, training));
    }

    /** The layer that yields the logits. */
    public Linear classifier() {
        return classifier;
    }

    public void forEachLinear(Consumer<Linear> action) {
        if (dense != null) {
            action.accept(dense.linear());
        }
        action.accept(classifier);
    }
}
