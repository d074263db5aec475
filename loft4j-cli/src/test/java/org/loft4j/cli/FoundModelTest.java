package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.SentenceFiles;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class FoundModelTest {
    @TempDir
    Path directory;

    /** They may be large. */
    @Test
    void denseModulesOfAnAdapterAreComparedOnce() throws IOException {
        Path model = Files.createDirectories(directory.resolve("model"));
        new SentenceFiles(Pooling.CLS, false, 8, false, Map.of(), null, null).write(model, 2);
        Files.writeString(
                model.resolve("modules.json"),
                Files.readString(model.resolve("modules.json"))
                        .replaceFirst(
                                "]\\s*$",
                                ", {\"idx\": 2, \"name\": \"2\", \"path\": \"2_Dense\","
                                        + " \"type\": \"sentence_transformers.models.Dense\"}]"));
        Path dense = Files.createDirectories(model.resolve("2_Dense"));
        Files.writeString(
                dense.resolve("config.json"),
                "{\"in_features\": 2, \"out_features\": 1, \"bias\": false, \"activation_function\":"
                        + " \"torch.nn.modules.linear.Identity\"}");
        weights(dense, 1);
        Path adapter = directory.resolve("adapter");
        Files.createDirectories(adapter);
        SentenceFiles.read(model).write(adapter, 2);

        FoundModel found = new FoundModel(model, adapter, null);
        assertEquals(Pooling.CLS, found.pooling(Task.SENTENCE_EMBEDDING));
        SentenceFiles before = SentenceFiles.read(adapter);
        weights(adapter.resolve("2_Dense"), 2);
        assertEquals(Pooling.CLS, found.pooling(Task.SENTENCE_EMBEDDING));
        assertEquals(before, found.sentences());
        assertThrows(CheckpointException.class, () -> new FoundModel(model, adapter, null).sentences());
    }

    private static void weights(Path folder, double first) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(
                    folder.resolve("model.safetensors"),
                    Map.of(
                            "linear.weight",
                            Tensors.of(new double[] {first, 2}, 1, 2).to(Dtype.F32.scalarType())),
                    Map.of());
        }
    }
}
