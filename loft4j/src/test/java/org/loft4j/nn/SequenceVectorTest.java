package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class SequenceVectorTest {
    private static final int LONG = 8192;

    /** The sum over a long text is beyond float16's largest number, its mean is not. */
    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F32", "F16", "BF16"})
    void theMeanOfALongTextIsFinite(Dtype dtype) {
        try (NativeScope scope = new NativeScope()) {
            Tensor hidden = torch.full(
                            new long[] {2, LONG, 3}, new Scalar(10.0), Tensors.options(Dtype.F32, DeviceSpec.CPU))
                    .to(dtype.scalarType());
            long[] mask = new long[2 * LONG];
            Arrays.fill(mask, 0, LONG + 5, 1);
            Tensor ids = Tensors.of(new long[2 * LONG], 2, LONG);
            Tensor mean = SequenceVector.mean(hidden, Padding.of(new TokenInput(ids, Tensors.of(mask, 2, LONG))));
            double[] expected = {10, 10, 10, 10, 10, 10};
            assertArrayEquals(
                    expected, Tensors.toDoubles(mean.to(Dtype.F64.scalarType()).flatten()), 1e-12);
        }
    }
}
