package org.loft4j.cli.reproduce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.loft4j.io.Json;

class NumbersTest {
    @Test
    void whatIsNotFiniteIsNothingInJson() throws IOException {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("loss", Double.NaN);
        tree.put("curves", List.of(new double[] {1, Double.POSITIVE_INFINITY}, new double[] {0.5, 2}));
        tree.put("range", Map.of("LoRA", Map.of("loss", Double.NEGATIVE_INFINITY)));
        tree.put("name", "NaN");
        assertEquals(
                "{\"loss\":null,\"curves\":[[1.0,null],[0.5,2.0]],\"range\":{\"LoRA\":{\"loss\":null}},\"name\":\"NaN\"}",
                Json.text(Numbers.finite(tree)));
        double[] whole = {1, 2};
        assertSame(whole, Numbers.finite(whole));
    }
}
