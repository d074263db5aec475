package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.Json;
import org.loft4j.model.Fixture;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;

class OpenModelTest {
    @TempDir
    Path folder;

    /** 1e30 is how a tokenizer says that it has no limit. */
    @ParameterizedTest
    @CsvSource({"4096, 1e30, false, 4096", "4096, 700, false, 700", "600, 700, false, 600", "4096, 700, true, 16"})
    void textsAreCutWhereTheTrainingElseTheModelEnds(long positions, double tokenizer, boolean trained, int length)
            throws Exception {
        Path qwen = Fixture.directory("qwen2_cls");
        Path words = Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece");
        Files.copy(qwen.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        Files.copy(words.resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
        Json.write(
                folder.resolve("config.json"),
                Json.read(qwen.resolve("config.json")).toTree().put("max_position_embeddings", positions));
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
}
