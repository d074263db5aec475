package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * The code book of the 4-bit NormalFloat (Dettmers et al. 2023, arXiv:2305.14314, appendix E): sixteen numbers in [−1, 1],
 * quantiles of the normal distribution with an exact zero. A number gets the nearest, the lower one in the middle; two
 * codes share a byte, the first in its upper half.
 */
final class NormalFloat {
    private static final float[] VALUES = {
        -1.0f,
        -0.6961928009986877f,
        -0.5250730514526367f,
        -0.39491748809814453f,
        -0.28444138169288635f,
        -0.18477343022823334f,
        -0.09105003625154495f,
        0.0f,
        0.07958029955625534f,
        0.16093020141124725f,
        0.24611230194568634f,
        0.33791524171829224f,
        0.44070982933044434f,
        0.5626170039176941f,
        0.7229568362236023f,
        1.0f
    };

    private NormalFloat() {}

    /** The sixteen numbers, in order. */
    static float[] values() {
        return VALUES.clone();
    }

    /** Codes of numbers in [−1, 1], {@code (…, 2n)} in float32, packed as {@code (…, n)} bytes. */
    static Tensor pack(Tensor numbers) {
        float[] middles = new float[VALUES.length - 1];
        for (int i = 0; i < middles.length; i++) {
            middles[i] = (float) (((double) VALUES[i] + VALUES[i + 1]) / 2);
        }
        Tensor boundaries = Tensors.of(middles, middles.length).to(numbers.device(), ScalarType.Float);
        Tensor pairs = torch.bucketize(numbers.contiguous(), boundaries, true, false)
                .to(ScalarType.Byte)
                .unflatten(-1, -1, 2);
        return pairs.select(-1, 0).bitwise_left_shift(new Scalar(4)).bitwise_or(pairs.select(-1, 1));
    }

    /** The number that a byte stands for first, or second. */
    interface Code {
        float value(int code, boolean second);
    }

    /** What {@link #unpack} looks up: for each byte the two numbers it stands for, side by side in eight bytes. */
    static Tensor table(DeviceSpec device) {
        return table((code, second) -> VALUES[second ? code & 15 : code >> 4], device);
    }

    /** The same for another code of two numbers a byte. */
    static Tensor table(Code meaning, DeviceSpec device) {
        float[] both = new float[2 * 256];
        for (int code = 0; code < 256; code++) {
            both[2 * code] = meaning.value(code, false);
            both[2 * code + 1] = meaning.value(code, true);
        }
        // one element of eight bytes is looked up several times faster than a row of two elements
        return Tensors.of(both, both.length).view(ScalarType.Long).to(device.torch(), ScalarType.Long);
    }

    /** The numbers {@code (…, 2n)} in float32 that the bytes {@code (…, n)} stand for. */
    static Tensor unpack(Tensor bytes, Tensor table) {
        long[] shape = Shapes.of(bytes);
        shape[shape.length - 1] *= 2;
        return table.index_select(0, bytes.to(ScalarType.Int).view(-1))
                .view(ScalarType.Float)
                .view(shape);
    }
}
