package org.loft4j.cli.compare;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.cli.report.Curve;

/** Which finished runs a comparison takes for its own. */
class ResultStoreTest {
    private static TrialResult result(Map<String, Object> settings) {
        return new TrialResult(
                new Trial(Contender.parse("lora-plus"), 4, 1e-3, 0),
                null,
                settings,
                Map.of("loss", 1.0),
                Map.of("loss", 1.0),
                false,
                new TrialResult.Cost(10, 12, 1000, 1, 1),
                new Curve(),
                List.of(),
                Map.of());
    }

    @Test
    void whatAnOlderRunDoesNotNameIsNoDifferenceButForSettingsWhoseDefaultItHad() {
        TrialResult older = result(Map.of("weight_decay", 0.0));
        assertDoesNotThrow(() -> ResultStore.requireAgreement(
                Map.of(older, Map.of("weight_decay", 0.0, "new_setting", 3, "lora_plus_ratio", 16.0))));
        ConfigException e = assertThrows(
                ConfigException.class,
                () -> ResultStore.requireAgreement(Map.of(older, Map.of("lora_plus_ratio", 8.0))));
        assertEquals(
                "output_dir holds runs with other settings: lora_plus_ratio was 16.0 and is now 8.0 (lora-plus-4-1e-3-s0);"
                        + " use the settings of those runs, or another output directory",
                e.getMessage());
    }
}
