package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Rows that name the classes of a model that does not: what eval judges, its file of rows tells too. */
class NamedColumnsPredictionsTest {
    @TempDir
    Path folder;

    private void same(List<String> call) throws IOException {
        Captured plain = Captured.loft(call.toArray(String[]::new));
        assertEquals(0, plain.status(), plain.err());
        Path file = folder.resolve("told.jsonl");
        Captured told = Captured.loft(Stream.concat(call.stream(), Stream.of("--predictions", file.toString()))
                .toArray(String[]::new));
        assertEquals(0, told.status(), told.err());
        assertEquals(2, Files.readAllLines(file).size());
    }

    private Path adapter() throws IOException {
        Path adapter = Files.createDirectories(folder.resolve("adapter"));
        String layer = "model.layers.0.self_attn.q_proj";
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            String path = "base_model.model." + layer;
            tensors.put(path + ".lora_A.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 1, 64));
            tensors.put(path + ".lora_B.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 64, 1));
            tensors.put("base_model.model.score.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 2, 64));
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        Files.writeString(
                adapter.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"task_type\": \"SEQ_CLS\", \"r\": 1, \"lora_alpha\": 1,"
                        + " \"target_modules\": [\"" + layer + "\"], \"modules_to_save\": [\"score\"]}");
        return adapter;
    }

    @Test
    void columnsOfLabels() throws IOException {
        Path rows = Files.writeString(folder.resolve("rows.csv"), "text,red,blue\nball,1,0\nsky,0,1\n");
        same(List.of(
                "eval",
                "--model",
                Fixtures.of("stories260K").toString(),
                "--adapter",
                adapter().toString(),
                "--problem-type",
                "multi_label_classification",
                "--label-columns",
                "red,blue",
                "--data",
                rows.toString()));
    }

    @Test
    void classesThatAParquetFileNames() throws Exception {
        Path rows = folder.resolve("rows.parquet");
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute("COPY (SELECT * FROM (VALUES ('a', 0), ('b', 1)) AS t(text, label)) TO '" + rows
                    + "' (FORMAT parquet, KV_METADATA {huggingface: '{\"info\": {\"features\": {\"label\":"
                    + " {\"names\": [\"neg\", \"pos\"], \"_type\": \"ClassLabel\"}}}}'})");
        }
        same(List.of(
                "eval",
                "--model",
                Fixtures.of("stories260K").toString(),
                "--adapter",
                adapter().toString(),
                "--data",
                rows.toString()));
    }
}
