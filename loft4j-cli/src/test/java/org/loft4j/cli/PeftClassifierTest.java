package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.infer.Labeler;
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

    /** PEFT's files do not say whether the classes exclude each other, nor does a config.json without problem_type. */
    @Test
    void whetherATextHasSeveralLabelsIsAsked() throws IOException {
        String layer = "model.layers.0.self_attn.q_proj";
        Path adapter = adapter("SEQ_CLS", layer, 64, Map.of("score.weight", new long[] {2, 64}));
        String base = Fixtures.of("stories260K").toString();
        String[] several = {"--problem-type", "multi_label_classification"};
        List<String> used = List.of("--model", base, "--adapter", adapter.toString());
        List<String> asked = with("predict", used, "--text", "ball");
        assertEquals("LABEL_0\t0.500\tball\n", told(asked));
        assertEquals("\t\tball\n", told(asked, several));
        assertEquals("LABEL_0,LABEL_1\t0.500,0.500\tball\n", told(asked, "--threshold", "0.4", several[0], several[1]));
        Captured idle = call(asked, "--threshold", "0.4");
        assertEquals(2, idle.status(), idle.err());
        assertTrue(idle.err().contains("--threshold is for models of several labels a text"), idle.err());
        assertEquals(2, call(asked, "--threshold", "1").status());
        Captured number = call(asked, "--problem-type", "regression");
        assertEquals(2, number.status(), number.err());
        assertTrue(
                number.err().contains("was trained for sequence-classification of \"LABEL_0\", \"LABEL_1\""),
                number.err());
        Path rows = Files.writeString(directory.resolve("rows.csv"), "text,red,blue\nball,1,0\nsky,0,1\n");
        List<String> judged = with("eval", used, "--data", rows.toString(), "--label-columns", "red,blue", "--json");
        JsonNode scores = JSON.readTree(told(judged, several));
        assertEquals(0.5, scores.get("macro_roc_auc").asDouble(), 0, scores.toString());
        assertEquals("LABEL_0", scores.at("/classes/0/label").asText(), scores.toString());
        Path named = Files.writeString(directory.resolve("named.jsonl"), "{\"text\":\"ball\",\"label\":[\"red\"]}\n");
        Captured unknown = call(with("eval", used, "--data", named.toString()), several);
        assertEquals(1, unknown.status(), unknown.err());
        assertTrue(
                unknown.err()
                        .contains(
                                "label \"red\" is unknown; the labels are \"LABEL_0\", \"LABEL_1\", which name nothing:"
                                        + " write their numbers, 0 for the first"),
                unknown.err());
        Path numbered = Files.writeString(directory.resolve("numbered.jsonl"), "{\"text\":\"ball\",\"label\":[0]}\n");
        told(with("eval", used, "--data", numbered.toString()), several);
        assertEquals(0.5, scores.get("threshold").asDouble(), 0);
        assertEquals(0, scores.get("micro_f1").asDouble(), 0, "none is above one half");
        JsonNode low = JSON.readTree(told(judged, "--threshold", "0.4", several[0], several[1]));
        assertEquals(0.4, low.get("threshold").asDouble(), 0);
        assertEquals(2.0 / 3, low.get("micro_f1").asDouble(), 1e-15, "each is, as predict tells them");
        Captured needless = call(judged, "--threshold", "0.4");
        assertEquals(2, needless.status(), needless.err());
        assertTrue(needless.err().contains("--threshold is for models of several labels a text"), needless.err());
        assertEquals(2, call(judged, "--threshold", "0", several[0], several[1]).status());

        Path merged = directory.resolve("several");
        told(with("merge", used, "--output", merged.toString()), several);
        JsonNode config = JSON.readTree(merged.resolve("config.json").toFile());
        assertEquals("multi_label_classification", config.get("problem_type").asText());
        List<String> ofMerged = List.of("predict", "--model", merged.toString(), "--text", "ball");
        Captured contradicted = call(ofMerged, "--problem-type", "single_label_classification");
        assertEquals(2, contradicted.status(), contradicted.err());
        assertTrue(
                contradicted.err().contains("and the model " + merged + " was trained for several labels a text"),
                contradicted.err());
        Files.writeString(
                merged.resolve("config.json"),
                Files.readString(merged.resolve("config.json")).replaceFirst("\"problem_type\" *: *\"[a-z_]+\",", ""));
        assertEquals("LABEL_0\t0.500\tball\n", told(ofMerged));
        assertEquals("\t\tball\n", told(ofMerged, several));

        try (Labeler labeler = Labeler.open(Path.of(base), adapter, DeviceSpec.CPU, null)) {
            assertEquals(List.of(0.5, 0.5), labeler.label("ball").probabilities());
        }
    }

    private static List<String> with(String verb, List<String> used, String... more) {
        return Stream.of(Stream.of(verb), used.stream(), Stream.of(more))
                .flatMap(words -> words)
                .toList();
    }

    private static Captured call(List<String> call, String... more) {
        return Captured.loft(Stream.concat(call.stream(), Stream.of(more)).toArray(String[]::new));
    }

    private static String told(List<String> call, String... more) {
        Captured captured = call(call, more);
        assertEquals(0, captured.status(), captured.err());
        return captured.out().replace("\r", "");
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
