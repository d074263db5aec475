package org.loft4j.io;

import org.loft4j.tensor.Shapes;

/**
 * What a file says about a tensor of a type of the format that is no {@link org.loft4j.tensor.Dtype}, so that it cannot be read.
 *
 * @param type as the file names it, such as {@code F8_E4M3}
 * @param shape sizes by dimension; empty for a scalar
 * @param bytes size of its data
 */
public record ForeignTensor(String type, long[] shape, long bytes) {
    public ForeignTensor {
        shape = shape.clone();
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    @Override
    public String toString() {
        return type + " " + Shapes.text(shape);
    }
}
