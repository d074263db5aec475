package org.loft4j.nn;

import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Tensors;

/**
 * The dynamic data type of eight bits (Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization", arXiv 2110.02861,
 * section 1.3) in which bitsandbytes keeps the constants of NF4: a sign, an exponent that takes as many bits as it needs, and the
 * rest for the fraction. From 0.1 to 1 it has 64 numbers, and half as many in each power of ten below, down to 10⁻⁶: one that is far
 * larger than the others costs these little.
 */
final class DynamicFloat {
    private static final int EXPONENTS = 7;

    private DynamicFloat() {}

    /** The 256 numbers, in order. */
    static float[] values() {
        double[] all = new double[256];
        int at = 0;
        for (int exponent = 0; exponent < EXPONENTS; exponent++) {
            int fractions = 1 << exponent;
            for (int i = 0; i < fractions; i++) {
                double fraction = 0.1 + 0.9 * (i + 0.5) / fractions;
                double value = fraction * Math.pow(10, exponent - EXPONENTS + 1);
                all[at++] = value;
                all[at++] = -value;
            }
        }
        all[at++] = 0;
        all[at] = 1;
        Arrays.sort(all);
        float[] values = new float[all.length];
        for (int i = 0; i < all.length; i++) {
            values[i] = (float) all[i];
        }
        return values;
    }

    /** Codes of the nearest to numbers in [−1, 1]: bytes of their shape. */
    static Tensor codes(Tensor numbers) {
        float[] values = values();
        float[] middles = new float[values.length - 1];
        for (int i = 0; i < middles.length; i++) {
            middles[i] = (float) (((double) values[i] + values[i + 1]) / 2);
        }
        Tensor boundaries = Tensors.of(middles, middles.length).to(numbers.device(), ScalarType.Float);
        return torch.bucketize(numbers.contiguous(), boundaries, true, false).to(ScalarType.Byte);
    }

    /** What {@link #numbers} looks up. */
    static Tensor table(DeviceSpec device) {
        float[] values = values();
        return Tensors.of(values, values.length).to(device.torch(), ScalarType.Float);
    }

    /** The numbers that bytes stand for, in float32 and their shape. */
    static Tensor numbers(Tensor codes, Tensor table) {
        return table.index_select(0, codes.to(ScalarType.Int).view(-1)).view(codes.sizes());
    }
}
