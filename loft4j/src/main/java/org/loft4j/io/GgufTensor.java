package org.loft4j.io;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.tensor.Shapes;

/**
 * A tensor of a GGUF file before it is written: its values are asked for when their turn has come, so that one tensor at a time
 * is in memory, or one part of a tensor that comes in several.
 *
 * @param name its name in the file, of at most 63 bytes: ggml reserves 64
 * @param shape sizes by dimension as libtorch orders them, outermost first; the file has them the other way round
 * @param type element type in the file
 * @param parts give what lies one after the other along the first dimension, in equal pieces, of any floating dtype, or for {@link
 *     GgufType#MXFP4} as bytes {@code (…, bytes of a row)}; it belongs to the scope that is open at the call
 */
public record GgufTensor(String name, long[] shape, GgufType type, List<Values> parts) {
    private static final int MAX_NAME = 63;
    private static final int MAX_DIMENSIONS = 4;

    /** Yields the values of a tensor, or of a part of it. */
    @FunctionalInterface
    public interface Values {
        Tensor read() throws IOException;
    }

    public GgufTensor {
        shape = shape.clone();
        parts = List.copyOf(parts);
        if (name.isEmpty() || name.getBytes(StandardCharsets.UTF_8).length > MAX_NAME) {
            throw new ConfigException("a GGUF tensor's name must have 1 to " + MAX_NAME + " bytes, got " + name);
        }
        if (shape.length < 1 || shape.length > MAX_DIMENSIONS) {
            throw new ConfigException("a GGUF tensor must have 1 to " + MAX_DIMENSIONS + " dimensions, got "
                    + Shapes.text(shape) + " for " + name);
        }
        if (!type.fits(shape[shape.length - 1])) {
            throw new ConfigException(name + " cannot be stored as " + type + ": its rows have "
                    + shape[shape.length - 1] + " values, no multiple of " + type.blockSize());
        }
        if (parts.isEmpty() || shape[0] % parts.size() != 0) {
            throw new ConfigException(
                    name + " of shape " + Shapes.text(shape) + " cannot come in " + parts.size() + " equal parts");
        }
    }

    /** One whose values come at once. */
    public GgufTensor(String name, long[] shape, GgufType type, Values values) {
        this(name, shape, type, List.of(values));
    }

    @Override
    public long[] shape() {
        return shape.clone();
    }

    /** Number of elements. */
    public long elements() {
        long elements = 1;
        for (long size : shape) {
            elements = Math.multiplyExact(elements, size);
        }
        return elements;
    }

    /** Sizes of what each of {@link #parts} gives. */
    long[] given() {
        long[] given = shape.clone();
        given[0] /= parts.size();
        if (type == GgufType.MXFP4) {
            given[given.length - 1] = type.bytes(given[given.length - 1]);
        }
        return given;
    }

    /** Size of the data in the file, without the padding behind it. */
    public long bytes() {
        return type.bytes(elements());
    }

    /** Identity: the values are a function. */
    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }

    @Override
    public String toString() {
        return name + " " + type + " " + Shapes.text(shape);
    }
}
