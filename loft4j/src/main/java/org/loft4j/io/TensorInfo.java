package org.loft4j.io;

import java.util.Arrays;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Shapes;

/**
 * What a file says about one tensor.
 *
 * @param name its name in the file
 * @param dtype element type
 * @param shape sizes by dimension; empty for a scalar
 * @param bytes size of its data
 */
public record TensorInfo(String name, Dtype dtype, long[] shape, long bytes) {
    public TensorInfo {
        shape = shape.clone();
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** Number of elements; 1 for a scalar. */
    public long elements() {
        return bytes / dtype.bytes();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TensorInfo that
                && name.equals(that.name)
                && dtype == that.dtype
                && Arrays.equals(shape, that.shape)
                && bytes == that.bytes;
    }

    @Override
    public int hashCode() {
        return 31 * name.hashCode() + Arrays.hashCode(shape);
    }

    @Override
    public String toString() {
        return name + " " + dtype + " " + Shapes.text(shape);
    }
}
