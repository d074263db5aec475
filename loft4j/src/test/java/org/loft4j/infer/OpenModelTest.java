package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Fixture;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class OpenModelTest {
    @TempDir
    Path folder;

    /**
     * 1e30 is how a tokenizer says that it has no limit; the DeBERTa has none either. A program may have trained short rows with a
     * length that its model does not reach.
     */
    @ParameterizedTest
    @CsvSource({
        "qwen2_cls, 4096, 1e30, false, 4096",
        "qwen2_cls, 4096, 700, false, 700",
        "qwen2_cls, 600, 700, false, 600",
        "qwen2_cls, 4096, 700, true, 16",
        "qwen2_cls, 10, 700, true, 10",
        "deberta_v2_cls_default, 66, 1e30, false, 512",
        "deberta_v2_cls_default, 66, 700, false, 700"
    })
    void textsAreCutWhereTheTrainingElseTheModelEnds(
            String name, long positions, double tokenizer, boolean trained, int length) throws Exception {
        Path model = Fixture.directory(name);
        Path words = Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece");
        Files.copy(model.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        Files.copy(words.resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
        Json.write(
                folder.resolve("config.json"),
                Json.read(model.resolve("config.json")).toTree().put("max_position_embeddings", positions));
        Json.write(
                folder.resolve("tokenizer_config.json"),
                Json.read(words.resolve("tokenizer_config.json")).toTree().put("model_max_length", tokenizer));
        if (trained) {
            List<String> labels = List.of("a", "b", "c");
            new TaskFile(Task.SEQUENCE_CLASSIFICATION, labels, null, 16, null, null).write(folder);
        }
        try (OpenModel opened =
                OpenModel.open(OpenModel.Place.of(folder), Task.SEQUENCE_CLASSIFICATION, DeviceSpec.CPU, null)) {
            assertEquals(length, opened.maxLength());
        }
    }

    /** As PEFT leaves a classifier: no names of classes, and another number of them than the base's config.json has. */
    @Test
    void anAdapterOfPeftSaysHowManyClassesThereAre() throws Exception {
        Path stories = Fixture.directory("stories260K");
        String query = "base_model.model.model.layers.0.self_attn.q_proj.lora_";
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(
                    folder.resolve("adapter_model.safetensors"),
                    Map.of(
                            query + "A.weight",
                            Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 1, 64),
                            query + "B.weight",
                            Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 64, 1),
                            "base_model.model.score.weight",
                            Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 5, 64)),
                    Map.of());
        }
        Files.writeString(
                folder.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"task_type\": \"SEQ_CLS\", \"r\": 1, \"lora_alpha\": 1,"
                        + " \"target_modules\": [\"layers.0.self_attn.q_proj\"],"
                        + " \"modules_to_save\": [\"classifier\", \"score\"]}");
        OpenModel.Place place = new OpenModel.Place(stories, folder);
        try (OpenModel opened = OpenModel.open(place, Task.SEQUENCE_CLASSIFICATION, DeviceSpec.CPU, null)) {
            assertEquals(
                    List.of("LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"),
                    opened.model().description().labels());
            assertEquals(OptionalLong.of(2), opened.tokenizer().eosId());
        }
        // its tokenizer is its own where it has one
        ObjectNode tokenizer = Json.read(stories.resolve("tokenizer.json")).toTree();
        Json.write(folder.resolve("tokenizer.json"), tokenizer);
        Json.write(folder.resolve("tokenizer_config.json"), Map.of("eos_token", "<unk>"));
        try (OpenModel opened = OpenModel.open(place, Task.SEQUENCE_CLASSIFICATION, DeviceSpec.CPU, null)) {
            assertEquals(OptionalLong.of(0), opened.tokenizer().eosId());
        }
        ObjectNode more = tokenizer.withArray("added_tokens").get(2).deepCopy();
        tokenizer.withArray("added_tokens").add(more.put("id", 512).put("content", "<more>"));
        Json.write(folder.resolve("tokenizer.json"), tokenizer);
        String message = assertThrows(
                        CheckpointException.class,
                        () -> OpenModel.open(place, Task.SEQUENCE_CLASSIFICATION, DeviceSpec.CPU, null))
                .getMessage();
        assertTrue(message.contains("this tokenizer has 513 ids, and the model 512 rows"), message);
    }

    /** Its file names no task, and it has no head of its own: it is used with its model's, whose kind config.json names. */
    @Test
    void anAdapterWithoutATaskAndAHeadIsForTheTaskOfItsModel() throws Exception {
        Path model = Files.createDirectory(folder.resolve("model"));
        Path words = Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece");
        Files.copy(words.resolve("tokenizer.json"), model.resolve("tokenizer.json"));
        Files.copy(Fixture.directory("bert_cls").resolve("model.safetensors"), model.resolve("model.safetensors"));
        ObjectNode config =
                Json.read(Fixture.directory("bert_cls").resolve("config.json")).toTree();
        config.putArray("architectures").add("BertForTokenClassification");
        Json.write(model.resolve("config.json"), config);
        String query = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_";
        long width = config.get("hidden_size").asLong();
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(
                    folder.resolve("adapter_model.safetensors"),
                    Map.of(
                            query + "A.weight",
                            Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 1, width),
                            query + "B.weight",
                            Tensors.zeros(Dtype.F32, DeviceSpec.CPU, width, 1)),
                    Map.of());
        }
        Files.writeString(
                folder.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"task_type\": null, \"r\": 1, \"lora_alpha\": 1,"
                        + " \"target_modules\": [\"layer.0.attention.self.query\"]}");
        OpenModel.Place place = new OpenModel.Place(model, folder);
        assertEquals(
                folder + " was trained to classify words, not to classify texts",
                assertThrows(
                                ConfigException.class,
                                () -> OpenModel.open(place, Task.SEQUENCE_CLASSIFICATION, DeviceSpec.CPU, null))
                        .getMessage());
        try (OpenModel opened = OpenModel.open(place, Task.TOKEN_CLASSIFICATION, DeviceSpec.CPU, null)) {
            assertEquals(Task.TOKEN_CLASSIFICATION, opened.model().task());
        }
    }
}
