package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ShapeException;
import org.loft4j.io.Json;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Without positions in the embeddings nothing ends at {@code max_position_embeddings}, which is 66 in the fixtures. */
class DebertaLengthTest {
    private static final int LENGTH = 150;

    @TempDir
    Path folder;

    /** Distances as many as that number says are stated here, so that it may be another. */
    @ParameterizedTest
    @ValueSource(strings = {"deberta_v3_tok", "deberta_v2_cls_conv", "deberta_v2_cls_default"})
    void distancesAloneGoOn(String name) throws IOException {
        Path fixture = Fixture.directory(name);
        assertEquals(ModelDescription.ENDLESS, Models.maxPositions(fixture));
        Path longer =
                copy(fixture, json -> json.put("max_relative_positions", 66).put("max_position_embeddings", LENGTH));
        double[] logits = logits(fixture);
        assertTrue(Arrays.stream(logits).allMatch(Double::isFinite));
        assertArrayEquals(logits(longer), logits);
    }

    @Test
    void positionsInTheEmbeddingsEnd() throws IOException {
        Path fixture = Fixture.directory("deberta_v2_cls");
        assertEquals(66, Models.maxPositions(fixture));
        assertThrows(ShapeException.class, () -> logits(fixture));
        Path silent = copy(fixture, json -> json.remove("position_biased_input"));
        assertEquals(66, Models.maxPositions(silent));
    }

    private Path copy(Path from, Consumer<ObjectNode> change) throws IOException {
        ObjectNode json = Json.read(from.resolve("config.json")).toTree();
        change.accept(json);
        Json.write(folder.resolve("config.json"), json);
        Files.copy(from.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        return folder;
    }

    private static double[] logits(Path directory) throws IOException {
        long[] ids = new long[LENGTH];
        Arrays.setAll(ids, i -> 3 + 7 * i % 50);
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(directory, ModelOptions.of(Models.defaultTask(directory)))) {
            return Tensors.toDoubles(model.logits(new TokenInput(Tensors.of(ids, 1, LENGTH), null)));
        }
    }
}
