package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.Logged;
import org.loft4j.io.Json;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Families with names of their own for what others call hidden_size: Transformers takes both ({@code attribute_map}). */
class GeneralKeysTest {
    private static final Map<String, Map<String, String>> NAMES = Map.of(
            "gpt2",
            Map.of(
                    "n_positions", "max_position_embeddings",
                    "n_embd", "hidden_size",
                    "n_layer", "num_hidden_layers",
                    "n_head", "num_attention_heads"),
            "distilbert_cls",
            Map.of("dim", "hidden_size", "n_layers", "num_hidden_layers", "n_heads", "num_attention_heads"));

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"gpt2", "distilbert_cls"})
    void aFileMayHaveTheGeneralNames(String fixture) throws IOException {
        Path own = Fixture.directory(fixture);
        Path general = Files.createDirectory(folder.resolve("general"));
        Files.copy(own.resolve("model.safetensors"), general.resolve("model.safetensors"));
        ObjectNode json = Json.read(own.resolve("config.json")).toTree();
        NAMES.get(fixture).forEach((mine, theirs) -> json.set(theirs, json.remove(mine)));
        json.remove("n_ctx");
        Json.write(general.resolve("config.json"), json);
        try (Logged log = new Logged(ConfigKeys.class)) {
            assertArrayEquals(logits(own), logits(general));
            assertEquals(Models.maxPositions(own), Models.maxPositions(general));
            assertTrue(log.messages().isEmpty(), log.messages().toString());
        }
        for (Map.Entry<String, String> name : NAMES.get(fixture).entrySet()) {
            ObjectNode both = json.deepCopy();
            both.put(name.getKey(), 1);
            Json.write(general.resolve("config.json"), both);
            String fault = assertThrows(CheckpointException.class, () -> logits(general))
                    .getMessage();
            assertTrue(
                    fault.contains('"' + name.getValue() + "\" must be " + name.getKey()
                            + " where both are given, found " + json.get(name.getValue()) + " and 1"),
                    fault);
        }
    }

    private static double[] logits(Path directory) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(directory, ModelOptions.of(Models.defaultTask(directory)))) {
            Tensor ids = Tensors.of(new long[] {1, 5, 9, 13}, 1, 4);
            return Tensors.toDoubles(model.logits(new TokenInput(ids, null)));
        }
    }
}
