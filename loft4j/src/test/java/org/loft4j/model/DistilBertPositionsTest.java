package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.Json;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** DistilBERT whose positions were sines, such as distilbert-base-german-cased. */
class DistilBertPositionsTest {
    private static final Path LEARNT = Fixture.directory("distilbert_cls");
    private static final ModelOptions CLASSIFIER = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);
    private static final String POSITIONS = "distilbert.embeddings.position_embeddings.weight";

    @TempDir
    Path sinusoidal;

    @BeforeEach
    void setTheFlag() throws IOException {
        ObjectNode json = Json.read(LEARNT.resolve("config.json")).toTree();
        Json.write(sinusoidal.resolve("config.json"), json.put("sinusoidal_pos_embds", true));
    }

    @Test
    void thoseOfACheckpointAreRead() throws IOException {
        Files.copy(LEARNT.resolve("model.safetensors"), sinusoidal.resolve("model.safetensors"));
        assertArrayEquals(logits(LEARNT), logits(sinusoidal));
        Models.check(sinusoidal);
    }

    @Test
    void aModelFromNothingHasSinesAndCosines() throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.initialise(sinusoidal, CLASSIFIER)) {
            Tensor table = model.weights().get(POSITIONS);
            int width = (int) table.size(1);
            double[] values = Tensors.toDoubles(table);
            for (int pair = 0; pair < width / 2; pair++) {
                double angle = 7 / Math.pow(10000, 2.0 * pair / width);
                assertEquals(Math.sin(angle), values[7 * width + 2 * pair], 1e-7);
                assertEquals(Math.cos(angle), values[7 * width + 2 * pair + 1], 1e-7);
            }
        }
    }

    private static double[] logits(Path directory) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(directory, CLASSIFIER)) {
            Tensor ids = Tensors.of(new long[] {1, 5, 9, 13}, 1, 4);
            return Tensors.toDoubles(model.logits(new TokenInput(ids, null)));
        }
    }
}
