package org.loft4j.tensor;

import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ShapeException;

/** Shape checks in Java, before a native call would fail with C++ frames. */
public final class Shapes {
    private Shapes() {}

    public static long[] of(Tensor tensor) {
        long[] shape = new long[(int) tensor.dim()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = tensor.size(i);
        }
        return shape;
    }

    /** Refuses a tensor whose shape is not the expected one; {@code -1} stands for any size. */
    public static Tensor require(String name, Tensor tensor, long... expected) {
        long[] shape = of(tensor);
        boolean fits = shape.length == expected.length;
        for (int i = 0; fits && i < shape.length; i++) {
            fits = expected[i] < 0 || expected[i] == shape[i];
        }
        if (!fits) {
            throw new ShapeException(name + " must have shape " + text(expected) + ", got " + text(shape));
        }
        return tensor;
    }

    /** {@code (3, 14, any)}. */
    public static String text(long... shape) {
        return Arrays.stream(shape)
                .mapToObj(size -> size < 0 ? "any" : Long.toString(size))
                .collect(java.util.stream.Collectors.joining(", ", "(", ")"));
    }
}
