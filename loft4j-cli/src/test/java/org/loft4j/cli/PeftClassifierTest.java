package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
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

/** Classifiers that PEFT has trained, beside which no loft_task.json lies. */
class PeftClassifierTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path directory;

    @Test
    void aClassifierOfTextsOnALanguageModel() throws IOException {
        String layer = "model.layers.0.self_attn.q_proj";
        Path adapter = adapter("SEQ_CLS", layer, 64, Map.of("score.weight", new long[] {4, 64}));
        String base = Fixtures.of("stories260K").toString();
        JsonNode config = merged(base, adapter);
        assertEquals(
                "LlamaForSequenceClassification", config.at("/architectures/0").asText());
        assertEquals(4, config.get("id2label").size(), config.toString());
        assertEquals("LABEL_3", config.at("/id2label/3").asText());
        Captured predicted =
                Captured.loft("predict", "--model", base, "--adapter", adapter.toString(), "--text", "ball");
        assertEquals(0, predicted.status(), predicted.err());
        assertTrue(predicted.out().startsWith("LABEL_"), predicted.out());
        Captured writes = Captured.loft("generate", "--model", base, "--adapter", adapter.toString(), "--text", "ball");
        assertEquals(1, writes.status());
        assertTrue(writes.err().contains(adapter + ": is for sequence-classification"), writes.err());
    }

    @Test
    void aClassifierOfWordsOnAnEncoder() throws IOException {
        Path base = TinyModels.encoder(directory.resolve("base"));
        Map<String, long[]> head = Map.of("classifier.weight", new long[] {5, 32}, "classifier.bias", new long[] {5});
        JsonNode config =
                merged(base.toString(), adapter("TOKEN_CLS", "bert.encoder.layer.0.attention.self.query", 32, head));
        assertEquals("BertForTokenClassification", config.at("/architectures/0").asText());
        assertEquals(5, config.get("id2label").size(), config.toString());
    }

    private JsonNode merged(String base, Path adapter) throws IOException {
        Path merged = directory.resolve("merged");
        Captured call =
                Captured.loft("merge", "--model", base, "--adapter", adapter.toString(), "--output", merged.toString());
        assertEquals(0, call.status(), call.err());
        return JSON.readTree(merged.resolve("config.json").toFile());
    }

    /** An adapter of one square layer, with a head saved in full. */
    private Path adapter(String task, String layer, long width, Map<String, long[]> head) throws IOException {
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            String path = "base_model.model." + layer;
            tensors.put(path + ".lora_A.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 1, width));
            tensors.put(path + ".lora_B.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, width, 1));
            head.forEach((name, shape) ->
                    tensors.put("base_model.model." + name, Tensors.zeros(Dtype.F32, DeviceSpec.CPU, shape)));
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        Files.writeString(
                adapter.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"task_type\": \"" + task + "\", \"r\": 1, \"lora_alpha\": 1,"
                        + " \"target_modules\": [\"" + layer
                        + "\"], \"modules_to_save\": [\"classifier\", \"score\"]}");
        return adapter;
    }
}
