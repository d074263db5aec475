package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class InspectCommandTest {
    @TempDir
    Path directory;

    @Test
    void layersAreOneLineWithTheirNumbers() throws IOException {
        Captured call = Captured.loft("inspect", model().toString());
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().contains("model_type: bert"), call.out());
        assertTrue(call.out().contains("layer.{0..2}.dense.weight"), call.out());
        assertTrue(call.out().contains("104 elements in 4 tensors, float32, 416 bytes"), call.out());
        assertTrue(Captured.loft("inspect", "--all", directory.resolve("model").toString())
                .out()
                .contains("layer.1.dense"));
    }

    @Test
    void anAdapterTellsItsTrainableShare() throws IOException {
        Path model = model();
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        Files.writeString(adapter.resolve("adapter_config.json"), "{\"peft_type\": \"LORA\", \"r\": 1}");
        write(adapter.resolve("adapter_model.safetensors"), Map.of("a.lora_A.weight", new long[] {1, 8}));
        Captured call = Captured.loft("inspect", "--json", adapter.toString(), "--model", model.toString());
        assertEquals(0, call.status(), call.err());
        JsonNode tree = new ObjectMapper().readTree(call.out());
        assertEquals("adapter", tree.get("kind").asText());
        assertEquals(8, tree.get("trainable_parameters").asLong());
        assertEquals(104, tree.get("base_parameters").asLong());
        assertEquals(8.0 / 112, tree.get("trainable_share").asDouble(), 1e-12);
        assertEquals(1, tree.get("config").get("r").asInt());
    }

    /** Tensors of types that are not read here are listed as the file names them, and are no reason to stop. */
    @Test
    void tensorsOfForeignTypesAreListed() throws IOException {
        Path model = Files.createDirectory(directory.resolve("fp8"));
        Files.writeString(model.resolve("config.json"), "{\"model_type\": \"llama\"}");
        byte[] header = "{\"w\":{\"dtype\":\"F8_E4M3\",\"shape\":[2,3],\"data_offsets\":[0,6]}}"
                .getBytes(StandardCharsets.UTF_8);
        Files.write(
                model.resolve("model.safetensors"),
                ByteBuffer.allocate(Long.BYTES + header.length + 6)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(header.length)
                        .put(header)
                        .array());
        Captured call = Captured.loft("inspect", model.toString());
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().contains("6 elements in 1 tensors, F8_E4M3, 6 bytes"), call.out());
        JsonNode tree = new ObjectMapper()
                .readTree(Captured.loft("inspect", "--json", model.toString()).out());
        assertEquals("F8_E4M3", tree.at("/tensors/0/dtype").asText());
        assertEquals(6, tree.get("elements").asInt());
        Path adapter = Files.createDirectory(directory.resolve("adapter"));
        Files.writeString(adapter.resolve("adapter_config.json"), "{\"peft_type\": \"LORA\", \"r\": 1}");
        write(adapter.resolve("adapter_model.safetensors"), Map.of("a.lora_A.weight", new long[] {1, 8}));
        Captured share = Captured.loft("inspect", adapter.toString(), "--model", model.toString());
        assertEquals(0, share.status(), share.err());
        assertTrue(share.out().contains("what share of " + model + " that is is not known"), share.out());
    }

    @Test
    void whatAStrangerWroteGivesTheTerminalNoOrders() throws IOException {
        Path file = directory.resolve("a.safetensors");
        try (NativeScope scope = new NativeScope()) {
            Tensor tensor = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 2);
            SafetensorsWriter.write(
                    file, Map.of("w\u001b[2J\u009bx", tensor), Map.of("by\u0007", "me\u001b]0;t\u0007"));
        }
        for (String[] words : new String[][] {{"inspect", file.toString()}, {"inspect", "--all", file.toString()}}) {
            Captured call = Captured.loft(words);
            assertTrue(call.out().contains("w?[2J?x") && call.out().contains("by?: me?]0;t?"), call.out());
        }
    }

    private Path model() throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        Files.writeString(model.resolve("config.json"), "{\"model_type\": \"bert\"}");
        Map<String, long[]> shapes = new LinkedHashMap<>();
        shapes.put("layer.0.dense.weight", new long[] {4, 8});
        shapes.put("layer.1.dense.weight", new long[] {4, 8});
        shapes.put("layer.2.dense.weight", new long[] {4, 8});
        shapes.put("norm.weight", new long[] {8});
        write(model.resolve("model.safetensors"), shapes);
        return model;
    }

    private static void write(Path file, Map<String, long[]> shapes) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            shapes.forEach((name, shape) -> tensors.put(name, Tensors.zeros(Dtype.F32, DeviceSpec.CPU, shape)));
            SafetensorsWriter.write(file, tensors, Map.of());
        }
    }
}
