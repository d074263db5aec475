package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.model.shared.ModelLimits;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** How many classes an adapter has of which no file says the names. */
class HeadLabelsTest {
    private static final Path BASE = Fixture.directory("bert_cls");

    @TempDir
    Path adapter;

    private List<String> labels(Task task, String matrix, long rows) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(
                    adapter.resolve(PeftFiles.WEIGHTS),
                    Map.of("base_model.model." + matrix, Tensors.zeros(Dtype.F32, DeviceSpec.CPU, rows, 1)),
                    Map.of());
        }
        return HeadLabels.of(BASE, adapter, task);
    }

    @Test
    void aHeadOfAnotherNumberOfClassesHasLabelsWithoutNames() throws IOException {
        int own = Models.labels(BASE).size();
        Task task = Task.SEQUENCE_CLASSIFICATION;
        assertEquals(List.of(), labels(task, "classifier.weight", own));
        assertEquals(own + 1, labels(task, "classifier.weight", own + 1).size());
        assertEquals(List.of("LABEL_0", "LABEL_1"), labels(task, "score.weight", 2));
        assertEquals(List.of(), labels(task, "pooler.weight", 2), "no head");
        assertEquals(List.of(), labels(Task.CAUSAL_LM, "score.weight", 2), "no classifier");
    }

    @Test
    void aHeadOfMoreClassesThanThereMayBeIsRefused() throws IOException {
        Task task = Task.SEQUENCE_CLASSIFICATION;
        assertEquals(
                ModelLimits.MOST_LABELS,
                labels(task, "classifier.weight", ModelLimits.MOST_LABELS).size());
        CheckpointException refused = assertThrows(
                CheckpointException.class, () -> labels(task, "classifier.weight", ModelLimits.MOST_LABELS + 1L));
        assertTrue(refused.getMessage().contains("its head has 1000001 rows"), refused.getMessage());
    }
}
