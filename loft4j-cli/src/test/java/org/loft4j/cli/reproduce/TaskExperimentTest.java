package org.loft4j.cli.reproduce;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.loft4j.cli.compare.ComparisonData;
import org.loft4j.data.Dataset;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.train.TrainData;

class TaskExperimentTest {
    private static final ReproduceSettings SETTINGS =
            new ReproduceSettings(List.of(), List.of(), List.of(), List.of(), 0, false);

    private static Map<String, Object> described(Task task) {
        Dataset rows = Dataset.causalLmIds(List.of(new int[] {3, 4}));
        ComparisonData data = new ComparisonData(new TrainData(rows, rows, 0, 16), rows);
        RealTask real = new RealTask(Path.of("model"), ModelOptions.of(task), data, "loss", Map.of());
        return TaskExperiment.described(real, SETTINGS);
    }

    /** Whose output embedding stays as it is. */
    @Test
    void aLanguageModelIsNotSaidToHaveANewHead() {
        assertEquals(1e-3, described(Task.SEQUENCE_CLASSIFICATION).get("learning rate of a new head"));
        Map<String, Object> ofLanguage = described(Task.CAUSAL_LM);
        assertFalse(ofLanguage.containsKey("learning rate of a new head"));
        assertEquals("all linear layers but the output embedding", ofLanguage.get("adapted layers"));
    }
}
