package org.loft4j.cli.reproduce;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FullRankTest {
    @Test
    void theFactorsFollowAdamW() {
        ReproduceSettings settings = new ReproduceSettings(List.of(5L), List.of(), List.of(), List.of(), 0, false);
        Map<String, Object> values = new FullRank(settings).run(line -> {}).values();
        double deviation = (double) values.get("max_relative_deviation");
        assertTrue(deviation > 0 && deviation <= 1e-10, "relative deviation " + deviation);
    }
}
