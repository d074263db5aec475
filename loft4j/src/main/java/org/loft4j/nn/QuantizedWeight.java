package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.Dtype;

/**
 * A frozen matrix in fewer bits than its layer computes in. It is widened a tile at a time, in the forward and again in the
 * backward pass, so no full-precision copy of the whole lives longer than {@link #dense} is asked for. It cannot be
 * trained or merged into. Threads may share it.
 */
public sealed interface QuantizedWeight extends WeightMatrix, AutoCloseable permits Int8Weight, Nf4Weight {
    /**
     * Quantises a matrix, a block of rows at a time.
     *
     * @param loadIn not {@link LoadIn#FULL}
     * @param weight {@code (out, in)}, of any floating dtype; it is only read
     * @param dtype in which the layer computes
     * @param storedTransposed whether the checkpoint has it as {@code (in, out)}
     * @throws org.loft4j.ConfigException if a number is not finite
     */
    static QuantizedWeight of(LoadIn loadIn, Tensor weight, Dtype dtype, boolean storedTransposed) {
        return switch (loadIn) {
            case FULL -> throw new IllegalArgumentException("full precision is no quantisation");
            case INT8 -> Int8Weight.of(weight, dtype, storedTransposed);
            case NF4 -> Nf4Weight.of(weight, dtype, storedTransposed);
        };
    }

    /** Which format this is. */
    LoadIn loadIn();

    /** Bytes that the stored numbers take. */
    long bytes();

    /** Rows {@code (count, in)} in the layer's dtype; they belong to the open scope. */
    @Override
    Tensor rows(long start, long count);

    /** Columns {@code (out, count)} in the layer's dtype, from a multiple of 64 on; they belong to the open scope. */
    Tensor columns(long start, long count);

    @Override
    default Tensor dense() {
        return rows(0, out());
    }

    @Override
    default boolean isWritable() {
        return false;
    }

    /** It never changes. */
    @Override
    default long version() {
        return 0;
    }

    @Override
    void close();
}
