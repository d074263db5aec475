package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.Logged;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * A Mistral whose layers differ is a Ministral, which is Qwen 2 without biases ({@code modular_ministral.py}): with biases of
 * zero that is the reference. The fixture has two layers and a window of 6.
 */
class MistralLayersTest {
    @TempDir
    Path folder;

    @Test
    void theWindowIsThatOfTheLayersThatSlide() throws IOException {
        double[] mixed = logits(mistral(json -> types(json, "full_attention", "sliding_attention")));
        assertArrayEquals(logits(qwen2()), mixed);
        double[] everywhere = logits(mistral(json -> {}));
        double[] nowhere = logits(mistral(json -> json.putNull("sliding_window")));
        assertEquals(
                3,
                List.of(Arrays.hashCode(mixed), Arrays.hashCode(everywhere), Arrays.hashCode(nowhere)).stream()
                        .distinct()
                        .count());
        assertArrayEquals(everywhere, logits(mistral(json -> types(json, "sliding_attention", "sliding_attention"))));
        assertArrayEquals(nowhere, logits(mistral(json -> types(json, "full_attention", "full_attention"))));
    }

    /** What {@code save_pretrained} makes of a Mistral with such a list; without one all layers have the window. */
    @Test
    void aMinistralIsTheSameByItsOwnName() throws IOException {
        Consumer<ObjectNode> named = json -> json.put("model_type", "ministral");
        Path mixed = mistral(named.andThen(json -> types(json, "full_attention", "sliding_attention")));
        assertArrayEquals(logits(mistral(json -> types(json, "full_attention", "sliding_attention"))), logits(mixed));
        assertArrayEquals(logits(mistral(json -> {})), logits(mistral(named)));
        assertArrayEquals(
                logits(mistral(json -> json.putNull("sliding_window"))),
                logits(mistral(named.andThen(json -> json.putNull("sliding_window")))));
        try (Model model = Models.open(mixed, ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals("ministral", model.description().family());
        }
    }

    private static void types(ObjectNode json, String first, String second) {
        json.putArray("layer_types").add(first).add(second);
    }

    private Path mistral(Consumer<ObjectNode> change) throws IOException {
        Path from = Fixture.directory("mistral_sw");
        Path to = Files.createTempDirectory(folder, "mistral");
        Files.copy(from.resolve("model.safetensors"), to.resolve("model.safetensors"));
        ObjectNode json = Json.read(from.resolve("config.json")).toTree();
        change.accept(json);
        Json.write(to.resolve("config.json"), json);
        return to;
    }

    private Path qwen2() throws IOException {
        Path to = mistral(json -> {
            types(json, "full_attention", "sliding_attention");
            json.put("model_type", "qwen2").put("use_sliding_window", true);
        });
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new TreeMap<>();
            try (ModelDirectory source = ModelDirectory.open(to)) {
                for (String name : source.names()) {
                    Tensor tensor = source.read(name).clone();
                    tensors.put(name, tensor);
                    if (name.matches(".*[qkv]_proj\\.weight")) {
                        Tensor bias = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, tensor.size(0));
                        tensors.put(name.replace(".weight", ".bias"), bias);
                    }
                }
            }
            SafetensorsWriter.write(to.resolve("model.safetensors"), tensors, Map.of());
        }
        return to;
    }

    private static double[] logits(Path directory) throws IOException {
        try (Logged log = new Logged(ConfigKeys.class);
                NativeScope scope = new NativeScope();
                Model model = Models.open(directory, ModelOptions.of(Task.CAUSAL_LM))) {
            long[] ids = new long[12];
            Arrays.setAll(ids, i -> 3 + 5 * i % 40);
            double[] logits = Tensors.toDoubles(model.logits(new TokenInput(Tensors.of(ids, 1, 12), null)));
            assertEquals(List.of(), log.messages());
            return logits;
        }
    }
}
