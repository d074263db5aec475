package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

class TrainReportTest {
    @Test
    void howToGoOnCanBePastedWhereThePathHasBlanks() {
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        TrainReport report = new TrainReport("models/MiniLM", Path.of("int b"), config);
        String late = report.late(3, Path.of("int b", "checkpoint-1"));
        assertTrue(late.contains(" train --config \"" + Path.of("int b", "config.yaml") + "\" --resume"), late);
    }
}
