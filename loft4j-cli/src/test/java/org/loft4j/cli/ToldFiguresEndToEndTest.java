package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
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

/** What {@code eval --predictions} and {@code data check} tell where there are several rows, files, blocks and labels. */
class ToldFiguresEndToEndTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String STORIES = Fixtures.of("stories260K").toString();

    @TempDir
    Path folder;

    private static JsonNode json(String... call) throws IOException {
        Captured called = Captured.loft(call);
        assertEquals(0, called.status(), called.err() + called.out());
        return JSON.readTree(called.out());
    }

    /** A classifier of two labels, both of which it gives the probability 1/2 whatever the text. */
    private Path undecided() throws IOException {
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
    void theRowsAreToldByTheThresholdThatTheScoresAreOf() throws IOException {
        Path rows = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"text\": \"ball\", \"labels\": [0]}\n{\"text\": \"sky\", \"labels\": [1]}\n");
        String adapter = undecided().toString();
        for (String threshold : List.of("0.4", "0.6")) {
            Path file = folder.resolve("told" + threshold + ".jsonl");
            JsonNode scores = json(
                    "eval",
                    "--model",
                    STORIES,
                    "--adapter",
                    adapter,
                    "--problem-type",
                    "multi_label_classification",
                    "--data",
                    rows.toString(),
                    "--threshold",
                    threshold,
                    "--predictions",
                    file.toString(),
                    "--json");
            boolean low = threshold.equals("0.4");
            assertEquals(low ? 2.0 / 3 : 0, scores.get("micro_f1").asDouble(), 1e-15);
            for (JsonNode row : ToldRows.of(file, scores, null)) {
                assertEquals(
                        low ? "[\"LABEL_0\",\"LABEL_1\"]" : "[]",
                        row.get("predicted").toString(),
                        threshold);
            }
        }
    }

    /** Two cranes, as a head for ImageNet has them: each keeps its own probability. */
    @Test
    void classesOfOneNameAreToldApart() throws IOException {
        Path adapter = undecided();
        Files.writeString(
                adapter.resolve("loft_task.json"),
                "{\"task\": \"sequence_classification\", \"labels\": [\"crane\", \"crane\"], \"max_length\": 32}");
        Path rows = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"text\": \"ball\", \"label\": 1}\n{\"text\": \"sky\", \"label\": 0}\n");
        Path file = folder.resolve("told.jsonl");
        json(
                "eval",
                "--model",
                STORIES,
                "--adapter",
                adapter.toString(),
                "--data",
                rows.toString(),
                "--predictions",
                file.toString(),
                "--json");
        JsonNode row = JSON.readTree(Files.readAllLines(file).get(0));
        assertEquals("crane (1)", row.get("label").asText(), row.toString());
        assertEquals(
                "{\"crane (0)\":0.5,\"crane (1)\":0.5}",
                row.get("probabilities").toString());
    }

    /** Of two examples each, since an earlier answer is written otherwise than it is asked for. */
    @Test
    void eachOfSeveralConversationsHasTheLossOfItsOwnExamples() throws IOException {
        String turns =
                "{\"messages\": [{\"role\": \"user\", \"content\": \"Tim\"}, {\"role\": \"assistant\", \"content\":"
                        + " \"ran\"}, {\"role\": \"user\", \"content\": \"Lily\"}, {\"role\": \"assistant\", \"content\": \"sat\"}]}\n";
        Path template = Files.writeString(
                folder.resolve("template.jinja"),
                "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' and not loop.last %}[{{ m.content }}]"
                        + "{% else %}{{ m.content }}{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}");
        String other = turns.replace("ran", "went to the park and zz").replace("sat", "qq xx kk");
        Path rows = folder.resolve("chats.jsonl");
        Path file = folder.resolve("told.jsonl");
        String[] call = {
            "eval",
            "--model",
            STORIES,
            "--data",
            rows.toString(),
            "--chat-template",
            template.toString(),
            "--predictions",
            file.toString(),
            "--overwrite",
            "--json"
        };
        double[] alone = new double[2];
        for (int i = 0; i < 2; i++) {
            Files.writeString(rows, i == 0 ? turns : other);
            alone[i] = json(call).get("loss").asDouble();
        }
        Files.writeString(rows, turns + other + turns);
        List<JsonNode> told = ToldRows.of(file, json(call), "tokens");
        assertEquals(alone[0], told.get(0).get("loss").asDouble(), 1e-5);
        assertEquals(alone[1], told.get(1).get("loss").asDouble(), 1e-5);
        assertEquals(alone[0], told.get(2).get("loss").asDouble(), 1e-5);
    }

    /** More rows than are encoded at once. */
    @Test
    void whatIsCutIsCountedOverAllRows() throws IOException {
        Path rows = Files.writeString(
                folder.resolve("rows.jsonl"), "{\"prompt\": \"Once\", \"completion\": \" upon a time\"}\n".repeat(150));
        JsonNode all = json("data", "check", rows.toString(), "--model", STORIES, "--max-length", "4", "--json")
                .get("training_rows");
        int length = all.get("tokens").get("max").asInt();
        assertEquals(length, all.get("tokens").get("min").asInt());
        assertEquals(150, all.get("rows_cut").asInt());
        assertEquals(150 * (length - 4), all.get("tokens_cut").asInt());
    }

    @Test
    void blankTextsOfAllFilesAreCounted() throws IOException {
        Path one = Files.writeString(
                folder.resolve("one.jsonl"), "{\"text\": \"Once\"}\n{\"text\": \" \"}\n{\"text\": \"\"}\n");
        Path two = Files.writeString(folder.resolve("two.jsonl"), "{\"text\": \"\\t\"}\n{\"text\": \"a time\"}\n");
        JsonNode all = json("data", "check", one.toString(), two.toString(), "--model", STORIES, "--json")
                .get("training_rows");
        assertEquals(2, all.get("rows").asInt());
        assertEquals(3, all.get("blank").asInt());
    }

    /** A text may have several, so that the shares are of the texts. */
    @Test
    void sharesOfLabelsOfWhichATextHasSeveralAreThoseOfTheRows() throws IOException {
        String model = TinyModels.encoder(folder.resolve("model")).toString();
        Path rows = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"text\": \"a red ball\", \"labels\": [\"red\", \"ball\"]}\n"
                        + "{\"text\": \"a blue ball\", \"labels\": [\"ball\"]}\n"
                        + "{\"text\": \"a ball\", \"labels\": [\"ball\"]}\n"
                        + "{\"text\": \"red\", \"labels\": [\"red\"]}\n");
        Captured told = Captured.loft(
                "data", "check", rows.toString(), "--model", model, "--problem-type", "multi_label_classification");
        assertEquals(0, told.status(), told.err() + told.out());
        assertTrue(told.out().matches("(?s).*ball +3 +75\\.0 %.*red +2 +50\\.0 %.*"), told.out());
    }

    /** An assistant that calls a tool says nothing beside, and that is no empty answer. */
    @Test
    void aCallOfAToolIsNoEmptyAnswer() throws IOException {
        String call =
                "{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"type\": \"function\", \"function\":"
                        + " {\"name\": \"now\", \"arguments\": {}}}]}";
        Path rows = Files.writeString(
                folder.resolve("chats.jsonl"),
                "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, " + call
                        + ", {\"role\": \"tool\", \"content\": \"noon\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n"
                        + "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\":"
                        + " \"\"}, {\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n");
        Path template = Files.writeString(
                folder.resolve("template.jinja"),
                "{% for m in messages %}{{ m.role }}: {{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}"
                        + "{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}");
        JsonNode all = JSON.readTree(Captured.loft(
                                "data",
                                "check",
                                rows.toString(),
                                "--model",
                                STORIES,
                                "--chat-template",
                                template.toString(),
                                "--json")
                        .out())
                .get("training_rows");
        assertEquals(1, all.get("empty_answers").asInt(), all.toString());
    }

    /** What eval judges, its file of rows tells too, where rows name the classes of a model that does not. */
    private void same(List<String> call) throws IOException {
        Captured plain = Captured.loft(call.toArray(String[]::new));
        assertEquals(0, plain.status(), plain.err());
        Path file = folder.resolve("told.jsonl");
        Captured told = Captured.loft(Stream.concat(call.stream(), Stream.of("--predictions", file.toString()))
                .toArray(String[]::new));
        assertEquals(0, told.status(), told.err());
        assertEquals(2, Files.readAllLines(file).size());
    }

    @Test
    void columnsOfLabels() throws IOException {
        Path rows = Files.writeString(folder.resolve("rows.csv"), "text,red,blue\nball,1,0\nsky,0,1\n");
        same(List.of(
                "eval",
                "--model",
                STORIES,
                "--adapter",
                undecided().toString(),
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
        same(List.of("eval", "--model", STORIES, "--adapter", undecided().toString(), "--data", rows.toString()));
    }
}
