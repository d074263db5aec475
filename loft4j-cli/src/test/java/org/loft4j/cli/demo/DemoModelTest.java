package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;

class DemoModelTest {
    @Test
    void miniLmHas101TensorsAnd22MillionParameters() {
        Map<String, long[]> shapes = DemoModel.MINILM.shape().tensors();
        assertEquals(101, shapes.size());
        assertEquals(22_565_376, elements(shapes));
        assertArrayEquals(new long[] {1536, 384}, shapes.get("encoder.layer.5.intermediate.dense.weight"));
    }

    @Test
    void bgeSmallHas197TensorsAnd33MillionParameters() {
        Map<String, long[]> shapes = DemoModel.BGE_SMALL.shape().tensors();
        assertEquals(197, shapes.size());
        assertEquals(33_212_160, elements(shapes));
    }

    @Test
    void isCalledAsOnTheCommandLine() {
        assertEquals(DemoModel.MINILM, DemoModel.parse("minilm"));
        assertEquals(DemoModel.BGE_SMALL, DemoModel.parse("BGE-small"));
        ConfigException e = assertThrows(ConfigException.class, () -> DemoModel.parse("bge"));
        assertEquals("model must be one of minilm, bge-small, got bge", e.getMessage());
    }

    private static long elements(Map<String, long[]> shapes) {
        return shapes.values().stream()
                .mapToLong(shape -> Arrays.stream(shape).reduce(1, (a, b) -> a * b))
                .sum();
    }
}
