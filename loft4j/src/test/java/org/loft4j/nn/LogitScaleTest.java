package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class LogitScaleTest {
    private static final double[] PRODUCTS = {-9, -2.5, -0.1, 0, 0.4, 3, 12, 40};

    @ParameterizedTest
    @CsvSource({"1, 0, 0.7", "8, 0, 0.7", "1, 5, 1", "1, 5, 0.7", "8, 5, 1.8"})
    void theGradientIsThatOfAutograd(double divisor, double softcap, double temperature) {
        LogitScale scale = new LogitScale(divisor, softcap).at(temperature);
        double[] expected = new double[PRODUCTS.length];
        for (int i = 0; i < expected.length; i++) {
            double z = PRODUCTS[i] / divisor;
            expected[i] = (softcap > 0 ? softcap * Math.tanh(z / softcap) : z) / temperature;
        }
        try (NativeScope scope = new NativeScope()) {
            Tensor products = Tensors.of(PRODUCTS, PRODUCTS.length);
            products.set_requires_grad(true);
            Tensor logits = scale.logits(products);
            assertArrayEquals(expected, Tensors.toDoubles(logits), 1e-14);
            Tensor of = Tensors.of(new double[] {1, -2, 3, -4, 5, -6, 7, -8}, PRODUCTS.length);
            logits.mul(of).sum().backward();
            assertArrayEquals(
                    Tensors.toDoubles(products.grad()),
                    Tensors.toDoubles(scale.gradient(of.clone(), logits.detach())),
                    1e-14);
        }
    }

    @Test
    void aModelsOwnLogitsStayAsTheyAre() {
        try (NativeScope scope = new NativeScope()) {
            Tensor products = Tensors.of(PRODUCTS, PRODUCTS.length);
            assertSame(products, LogitScale.NONE.at(1).logits(products));
        }
        assertThrows(ConfigException.class, () -> LogitScale.NONE.at(0));
    }
}
