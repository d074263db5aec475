package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/** The matrix {@code W: (out, in)} of a linear layer or of embeddings, however it is stored. */
public interface WeightMatrix {
    /** Number of rows, the layer's outputs. */
    long out();

    /** Number of columns, the layer's inputs. */
    long in();

    /** The type in which the layer computes, and that of {@link #dense}. */
    Dtype dtype();

    DeviceSpec device();

    /**
     * The whole matrix, {@code (out, in)}: the stored tensor itself or a view of it where {@link #isWritable}, so that what is
     * written to it is stored; else a copy that belongs to the open scope.
     */
    Tensor dense();

    /** Rows {@code (count, in)} of {@link #dense}, without the others: a view where it {@link #isWritable}. */
    default Tensor rows(long start, long count) {
        return dense().narrow(0, start, count);
    }

    /**
     * The rows that ids name, {@code (…, in)}: the vectors of tokens.
     *
     * @param ids int64 {@code (…)}, each less than {@link #out}
     * @param padding the row that gets no gradient; negative for none
     */
    default Tensor lookup(Tensor ids, long padding) {
        return torch.embedding(dense(), ids, padding, false, false);
    }

    /** {@code x·Wᵀ + bias} for {@code x: (…, in)}. */
    Tensor product(Tensor x, @Nullable Tensor bias);

    /**
     * {@code ∂x = ∂y·W}.
     *
     * @param gradient of y, {@code (…, out)}
     */
    default Tensor gradientOfInput(Tensor gradient) {
        return gradient.matmul(dense());
    }

    /** Whether {@link #dense} is the stored memory, which a merge or an optimizer may change. */
    boolean isWritable();

    /** Whether {@link #write} may be called. */
    default boolean takesValues() {
        return isWritable();
    }

    /**
     * Replaces the stored numbers.
     *
     * @param values {@code (out, in)}
     */
    default void write(Tensor values) {
        dense().copy_(values);
    }

    /** A number that changes when the stored numbers do. */
    long version();

    /** The transpose of a stored {@code (in, out)} matrix is kept by some families: PEFT's {@code fan_in_fan_out}. */
    default boolean isStoredTransposed() {
        return false;
    }
}
