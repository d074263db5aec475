package org.loft4j.adapter;

import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.Tensors;

/** Random tensors in float32, on the processor, each a function of its seed. */
final class Drawn {
    private Drawn() {}

    /** A factor A {@code (rank, in)}: uniform in ±1/√in. */
    static Tensor kaiming(long seed, int rank, long in) {
        SplittableRandom random = new SplittableRandom(seed);
        double bound = 1 / Math.sqrt(in);
        float[] values = new float[Math.toIntExact(rank * in)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) ((2 * random.nextDouble() - 1) * bound);
        }
        return Tensors.of(values, rank, in);
    }

    /** Independent signs {@code (1, count)}, times the power of two next to {@code 1/√count}. */
    static Tensor signs(long seed, long count) {
        SplittableRandom random = new SplittableRandom(seed);
        float size = Math.scalb(1f, -(int) Math.round(Math.log(count) / Math.log(4)));
        float[] values = new float[Math.toIntExact(count)];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextBoolean() ? size : -size;
        }
        return Tensors.of(values, 1, count);
    }
}
