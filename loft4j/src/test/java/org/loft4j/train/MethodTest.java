package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class MethodTest {
    @Test
    void ratesOfStepsOfWGoWithTheInverseOfTheWidth() {
        assertEquals(3e-4, Method.LOFT.learningRate(384));
        assertEquals(1.8e-3, Method.LOFT.learningRate(64));
        assertEquals(5e-5, Method.FULL.learningRate(768));
        assertEquals(9.4e-6, Method.FULL.learningRate(4096));
        assertEquals(Method.LORA.learningRate(), Method.LORA.learningRate(4096));
    }

    @ParameterizedTest
    @EnumSource
    void atTheWidthOfTheMeasurementsEachHasItsOwnRate(Method method) {
        assertEquals(method.learningRate(), method.learningRate(384));
        assertEquals(method.scalesWithWidth(), method.learningRate(64) > method.learningRate());
    }
}
