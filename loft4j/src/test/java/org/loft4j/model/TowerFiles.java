package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/** Checkpoints with a vision tower, changed. */
final class TowerFiles {
    static final ModelOptions LANGUAGE_MODEL = ModelOptions.of(Task.CAUSAL_LM);

    private TowerFiles() {}

    static Tensor logits(Model model) {
        return model.logits(new TokenInput(Tensors.of(new long[] {5, 9, 33, 7, 8, 21, 40, 12}, 1, 8), null));
    }

    static String fault(Path model) {
        return assertThrows(CheckpointException.class, () -> Models.open(model, LANGUAGE_MODEL))
                .getMessage();
    }

    static ObjectNode text(ObjectNode config) {
        return (ObjectNode) config.get("text_config");
    }

    static JsonObject config(Path folder, String text) throws IOException {
        Path file = folder.resolve("config.json");
        Files.writeString(file, text);
        return Json.read(file);
    }

    static Path copy(Path folder, String name, Consumer<ObjectNode> change, UnaryOperator<String> rename, Dtype dtype)
            throws IOException {
        return CheckpointCopy.of(folder, Fixture.directory(name), change, rename, dtype);
    }
}
