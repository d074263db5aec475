package org.loft4j.nn;

import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * A frozen matrix in fewer bits than its layer computes in. It is widened a tile at a time, in the forward and again in the
 * backward pass, so no full-precision copy of the whole lives longer than {@link #dense} is asked for. It cannot be
 * trained or merged into. Threads may share it.
 */
public sealed interface QuantizedWeight extends WeightMatrix, AutoCloseable permits Int8Weight, Nf4Weight, Mxfp4Weight {
    /**
     * Takes the rows of a matrix one after the other, so that it need never be whole. What it holds belongs to the scope that
     * was open when it was made.
     */
    sealed interface Builder permits Int8Weight.Rows, Nf4Weight.Rows {
        /**
         * Quantises some rows.
         *
         * @param start the first of them
         * @param rows {@code (count, in)}, of any floating dtype; they are only read
         * @throws org.loft4j.ConfigException if a number is not finite
         */
        void put(long start, Tensor rows);

        /** The matrix, once all rows are there. */
        QuantizedWeight build();
    }

    /**
     * Begins a matrix.
     *
     * @param loadIn not {@link LoadIn#FULL}
     * @param out number of its rows
     * @param in number of its columns
     * @param dtype in which the layer computes
     * @param device where it is kept, and its rows will come from
     * @param storedTransposed whether the checkpoint has it as {@code (in, out)}
     */
    static Builder builder(LoadIn loadIn, long out, long in, Dtype dtype, DeviceSpec device, boolean storedTransposed) {
        return switch (loadIn) {
            case FULL -> throw new IllegalArgumentException("full precision is no quantisation");
            case INT8 -> new Int8Weight.Rows(out, in, dtype, device, storedTransposed);
            case NF4 -> new Nf4Weight.Rows(out, in, dtype, device, storedTransposed);
        };
    }

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
        try (NativeScope scope = new NativeScope()) {
            Builder builder =
                    builder(loadIn, weight.size(0), weight.size(1), dtype, DeviceSpec.of(weight), storedTransposed);
            builder.put(0, weight);
            return builder.build();
        }
    }

    /** Numbers of a matrix of so many rows and columns that a product widens at once at most, all lanes together. */
    static long widenedAtOnce(DeviceSpec device, long out, long in) {
        return TiledProduct.widenedAtOnce(device, out, in);
    }

    /** What was asked for to get this format; {@link LoadIn#FULL} where the checkpoint has it. */
    LoadIn loadIn();

    /** Bytes that the stored numbers take. */
    long bytes();

    /** Rows {@code (count, in)} in the layer's dtype; they belong to the open scope. */
    @Override
    default Tensor rows(long start, long count) {
        return wideRows(start, count).to(dtype().scalarType());
    }

    /** Rows {@code (count, in)} in float32, whatever the layer's dtype; they belong to the open scope. */
    Tensor wideRows(long start, long count);

    /**
     * The rows of some ids in the layer's dtype, in one piece that belongs to the open scope.
     *
     * @param ids int64 {@code (count)} on the matrix' device
     */
    Tensor rows(Tensor ids);

    /** Only the rows that are named are widened, a tile at a time; they never ask for a gradient. */
    @Override
    default Tensor lookup(Tensor ids, long padding) {
        Tensor flat = ids.reshape(-1);
        Tensor found = Tensors.empty(dtype(), device(), flat.size(0), in());
        TiledProduct.eachTile(
                flat.size(0),
                in(),
                1,
                device(),
                (start, count) -> found.narrow(0, start, count).copy_(rows(flat.narrow(0, start, count))));
        long[] shape = Arrays.copyOf(Shapes.of(ids), Math.toIntExact(ids.dim()) + 1);
        shape[shape.length - 1] = in();
        return found.view(shape);
    }

    /** Some of its rows as a matrix, which lives no longer than this one. */
    QuantizedWeight part(long start, long count);

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
