package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class LowRankPairTest {
    /** An average with β₂ = 0.999 stands still in a half type. */
    @ParameterizedTest
    @EnumSource(names = {"F16", "BF16"})
    void factorsOfAHalfTypeAreRefused(Dtype half) {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = Tensors.zeros(half, DeviceSpec.CPU, 2, 5);
            Tensor b = Tensors.zeros(half, DeviceSpec.CPU, 4, 2);
            var fault = assertThrows(ConfigException.class, () -> new LowRankPair("layer", a, b, 1));
            assertTrue(fault.getMessage().startsWith("layer: its factors must be float32 or float64, got "));
        }
    }
}
