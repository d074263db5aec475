package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class GradientsTest {
    /** In the gradient's own type a sum of squares would be rounded, and in float16 infinite from 65,504 on. */
    @ParameterizedTest
    @CsvSource({"BF16, 1000, 1", "F16, 1000, 1", "F16, 100, 59968", "F32, 1000, 3"})
    void squaresAreAddedUpInAWiderType(Dtype type, long count, double value) {
        try (NativeScope scope = new NativeScope()) {
            NormSum sum = new NormSum();
            Gradients.addSquaredNorm(Tensors.empty(type, DeviceSpec.CPU, count).fill_(new Scalar(value)), sum);
            double exact = count * value * value;
            assertEquals(exact, sum.value(), 1e-6 * exact);
        }
    }
}
