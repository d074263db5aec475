package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("slow")
class BenchCommandSlowTest {
    @Test
    void quickIsOverWithinAMinute() {
        long start = System.nanoTime();
        Captured call = Captured.loft("bench", "--quick");
        double seconds = (System.nanoTime() - start) / 1e9;
        assertEquals(0, call.status(), call.err());
        assertTrue(seconds < 60, seconds + " s");
    }

    @Test
    void theRatiosAndSecondsAreThere() throws Exception {
        Captured call = Captured.loft("bench", "--rounds", "1", "--quick", "--json");
        assertEquals(0, call.status(), call.err());
        JsonNode tree = new ObjectMapper().readTree(call.out());
        for (String ratio : List.of(
                "loft_step_over_lora_step",
                "loft_memory_over_lora_memory",
                "share_of_product_rate",
                "bf16_step_over_f32_step")) {
            assertTrue(tree.get("ratios").get(ratio).asDouble() > 0, ratio);
        }
        for (String method : List.of("lora", "loft", "dora", "full")) {
            assertTrue(tree.get("seconds").get(method).asDouble() > 0, method);
        }
    }
}
