package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What a person does when training is over: merge, export, ask the doctor. */
class HandingOverTest {
    private static final String LLAMA = Fixtures.of("llama_gqa").toString();
    private static final String ADAPTER =
            Fixtures.of("llama_gqa").resolve("adapter").toString();

    private static final String QUERY = "model.layers.0.self_attn.q_proj";

    @TempDir
    Path directory;

    @Test
    void aMergeIsShardedAndWhole() throws IOException {
        Path merged = directory.resolve("merged");
        String[] call = {
            "merge", "--model", LLAMA, "--adapter", ADAPTER, "--output", merged.toString(), "--max-shard-size", "60KB"
        };
        Captured merge = Captured.loft(call);
        assertEquals(0, merge.status(), merge.err());
        assertTrue(Files.exists(merged.resolve("model.safetensors.index.json")));
        assertTrue(Files.exists(merged.resolve("generation_config.json")));
        assertFalse(Files.exists(merged.resolve("model.safetensors")));
        assertEquals(2, Captured.loft(call).status());
        String[] again =
                Stream.concat(Stream.of(call), Stream.of("--overwrite")).toArray(String[]::new);
        again[8] = "5GB";
        assertEquals(0, Captured.loft(again).status());
        assertTrue(Files.exists(merged.resolve("model.safetensors")));
        assertFalse(Files.exists(merged.resolve("model.safetensors.index.json")));
        Files.writeString(merged.resolve("notes.txt"), "mine");
        Captured refused = Captured.loft(again);
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains("notes.txt"), refused.err());
        try (Stream<Path> left = Files.list(directory)) {
            assertEquals(List.of(merged), left.toList());
        }
        Captured wrong = Captured.loft("merge", "--adapter", ADAPTER, "--output", "x", "--max-shard-size", "many");
        assertEquals(2, wrong.status());
        assertTrue(wrong.err().contains("--max-shard-size must be a number"), wrong.err());
    }

    /** Reading a large model takes long. */
    @Test
    void whereAMergeCannotWriteIsToldBeforeTheModelIsRead() throws IOException {
        Path base = Fixtures.copy("llama_gqa", directory.resolve("base"));
        Files.writeString(base.resolve("model.safetensors"), "damaged");
        Path file = Files.writeString(directory.resolve("file"), "mine");
        Captured refused = merge(base, Path.of(ADAPTER), file);
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains("file is a file: choose a directory"), refused.err());
        Captured below = merge(base, Path.of(ADAPTER), file.resolve("merged"));
        assertTrue(below.err().contains("file is no folder"), below.err());
        Captured itself = merge(base, Path.of(ADAPTER), base);
        assertTrue(itself.err().contains("is where the merge reads from"), itself.err());
    }

    @Test
    void furtherChatTemplatesComeAlong() throws IOException {
        Path base = Fixtures.copy("stories260K", directory.resolve("with-templates"));
        Path folder = Files.createDirectory(base.resolve("additional_chat_templates"));
        Files.writeString(folder.resolve("tool_use.jinja"), "tools");
        Path adapter = adapterOfQuery(new float[64], new float[64]);
        Path merged = directory.resolve("merged");
        for (int i = 0; i < 2; i++) {
            Captured merge = merge(base, adapter, merged, "--overwrite");
            assertEquals(0, merge.status(), merge.err());
            assertEquals("tools", Files.readString(merged.resolve("additional_chat_templates/tool_use.jinja")));
        }
        Files.writeString(merged.resolve("additional_chat_templates/notes.txt"), "mine");
        Captured refused = merge(base, adapter, merged, "--overwrite");
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains("notes.txt"), refused.err());
    }

    @Test
    void aMergeLooksAndWritesThroughALink() throws IOException {
        Path disk = Files.createDirectories(directory.resolve("disk"));
        Path merged = Files.createSymbolicLink(directory.resolve("merged"), disk);
        Files.writeString(disk.resolve("notes.txt"), "mine");
        Captured refused = merge(Path.of(LLAMA), Path.of(ADAPTER), merged);
        assertEquals(2, refused.status());
        assertTrue(refused.err().contains("notes.txt"), refused.err());
        Files.delete(disk.resolve("notes.txt"));
        // as a merge that was killed leaves it
        Files.writeString(Files.createDirectory(disk.resolve(".loft-1f.tmp")).resolve("model.safetensors"), "half");
        Captured merge = merge(Path.of(LLAMA), Path.of(ADAPTER), merged);
        assertEquals(0, merge.status(), merge.err());
        assertTrue(Files.isSymbolicLink(merged) && Files.exists(disk.resolve("model.safetensors")));
        assertFalse(Files.exists(disk.resolve(".loft-1f.tmp")));
        Captured file = merge(Path.of(LLAMA), Path.of(ADAPTER), disk.resolve("config.json"));
        assertTrue(file.err().contains("config.json is a file: choose a directory"), file.err());
    }

    private static Captured merge(Path base, Path adapter, Path output, String... more) {
        List<String> call = new ArrayList<>(List.of("merge", "--model", base.toString(), "--adapter"));
        call.addAll(List.of(adapter.toString(), "--output", output.toString()));
        call.addAll(List.of(more));
        return Captured.loft(call.toArray(String[]::new));
    }

    @Test
    void modelsAndAdaptersAreExported() throws IOException {
        Path file = directory.resolve("stories.gguf");
        Captured model = Captured.loft(
                "export",
                "--to",
                "gguf",
                "--model",
                Fixtures.of("stories260K").toString(),
                "--dtype",
                "q8_0",
                "--output",
                file.toString());
        assertEquals(0, model.status(), model.err());
        assertTrue(model.out().contains("llama, "), model.out());
        assertEquals("GGUF", new String(Files.readAllBytes(file), 0, 4, StandardCharsets.ISO_8859_1));
        assertEquals(
                2,
                Captured.loft("export", "--model", LLAMA, "--output", file.toString())
                        .status());
        Path alone = directory.resolve("adapter.gguf");
        Captured adapter = Captured.loft(
                "export",
                "--model",
                LLAMA,
                "--adapter",
                ADAPTER,
                "--adapter-only",
                "--output",
                alone.toString(),
                "--json");
        assertEquals(0, adapter.status(), adapter.err());
        JsonNode tree = new ObjectMapper().readTree(adapter.out());
        assertEquals("llama", tree.get("architecture").asText());
        assertEquals(Files.size(alone), tree.get("bytes").asLong());
        Captured merged = Captured.loft(
                "export",
                "--model",
                LLAMA,
                "--adapter",
                ADAPTER,
                "--output",
                directory.resolve("m.gguf").toString());
        assertEquals(1, merged.status());
        assertTrue(merged.err().contains("tokenizer.json"), merged.err());
        assertFalse(Files.exists(directory.resolve("m.gguf")));
    }

    /** What bfloat16 rounds off is there in float16: 1 + 2⁻¹⁰. */
    @Test
    void aSumIsRoundedOnceToTheTypeOfTheFile() throws IOException {
        Path base = stories((name, tensor) -> {
            Tensor half = tensor.to(Dtype.BF16.scalarType());
            return name.startsWith(QUERY) ? torch.ones_like(half) : half;
        });
        float[] small = new float[64];
        Arrays.fill(small, 1f / 1024);
        float[] ones = new float[64];
        Arrays.fill(ones, 1);
        Path adapter = adapterOfQuery(small, ones);
        for (String dtype : List.of("f16", "bf16")) {
            Path plain = directory.resolve("plain-" + dtype);
            Path merged = directory.resolve("merged-" + dtype);
            export(plain, "--model", base.toString(), "--dtype", dtype);
            export(merged, "--model", base.toString(), "--adapter", adapter.toString(), "--dtype", dtype);
            assertEquals(dtype.equals("bf16"), Files.mismatch(plain, merged) < 0, dtype);
        }
    }

    /** 1 + 2⁻⁹ is 1 in bfloat16, whose next number is 1 + 2⁻⁷, and with as much and a little again more than half way to it. */
    @Test
    void aMergeRoundsTheSumAloneAndTellsAllThatIsLost() throws IOException {
        float step = 1f / 512;
        Path base = stories((name, tensor) ->
                name.startsWith(QUERY) ? torch.ones_like(tensor).mul_(new Scalar(1 + step)) : tensor);
        float[] small = new float[64];
        Arrays.fill(small, 1.25f * step);
        float[] ones = new float[64];
        Arrays.fill(ones, 1);
        Path adapter = adapterOfQuery(small, ones);
        Path merged = directory.resolve("merged");
        Captured call = merge(base, adapter, merged, "--dtype", "bfloat16", "--json");
        assertEquals(0, call.status(), call.err());
        JsonNode report = new ObjectMapper().readTree(call.out());
        assertEquals(4 * step - 2.25 * step, report.get("max_abs_error").asDouble(), 1e-7, call.out());
        assertEquals("BF16", report.at("/layers/0/dtype").asText(), call.out());
        try (NativeScope scope = new NativeScope();
                ModelDirectory after = ModelDirectory.open(merged)) {
            Tensor query = after.read(QUERY + ".weight");
            assertEquals(Dtype.BF16, Dtype.of(query));
            assertEquals(Dtype.BF16, after.info("model.norm.weight").dtype());
            assertTrue(query.eq(new Scalar(1 + 4 * step)).all().item_bool());
        }
        JsonNode config =
                new ObjectMapper().readTree(merged.resolve("config.json").toFile());
        assertEquals("bfloat16", config.get("torch_dtype").asText());
    }

    /** A norm in float32 beside matrices in bfloat16, under an adapter that changes nothing: all numbers are those of the files. */
    @Test
    void aBaseOfSeveralTypesKeepsTheNumbersOfItsFiles() throws IOException {
        Path base =
                stories((name, tensor) -> name.endsWith("norm.weight") ? tensor : tensor.to(Dtype.BF16.scalarType()));
        Path adapter = adapterOfQuery(new float[64], new float[64]);
        Path plain = directory.resolve("plain");
        Path merged = directory.resolve("merged");
        export(plain, "--model", base.toString(), "--dtype", "f16");
        export(merged, "--model", base.toString(), "--adapter", adapter.toString(), "--dtype", "f16");
        assertEquals(-1, Files.mismatch(plain, merged));
    }

    /** Its tokenizer pads with the end. */
    @Test
    void aMergedClassifierSaysWhatTextsArePaddedWith() throws IOException {
        Path base = stories((name, tensor) -> tensor);
        Path adapter = adapterOfQuery(new float[64], new float[64]);
        Files.writeString(
                adapter.resolve("loft_task.json"),
                "{\"task\": \"sequence_classification\", \"labels\": [\"no\", \"yes\"], \"max_length\": 16}");
        Path weights = base.resolve("model.safetensors");
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new TreeMap<>();
            try (ModelDirectory source = ModelDirectory.open(base)) {
                for (String name : source.names()) {
                    tensors.put(name, source.read(name).clone());
                }
            }
            tensors.put("score.weight", Tensors.of(new float[128], 2, 64));
            SafetensorsWriter.write(weights, tensors, Map.of());
        }
        Path merged = directory.resolve("merged");
        Captured call = Captured.loft(
                "merge", "--model", base.toString(), "--adapter", adapter.toString(), "--output", merged.toString());
        assertEquals(0, call.status(), call.err());
        JsonNode config =
                new ObjectMapper().readTree(merged.resolve("config.json").toFile());
        assertEquals(2, config.path("pad_token_id").asInt(-1), config.toString());
        assertEquals(
                "LlamaForSequenceClassification",
                config.path("architectures").path(0).asText());
    }

    /** A small trained model with other tensors, made of its own by their names. */
    private Path stories(BiFunction<String, Tensor, Tensor> other) throws IOException {
        Path base = Files.createDirectories(directory.resolve("base"));
        Path stories = Fixtures.of("stories260K");
        for (String name : List.of("config.json", "tokenizer.json", "tokenizer_config.json")) {
            Files.copy(stories.resolve(name), base.resolve(name));
        }
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(stories)) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : source.names()) {
                tensors.put(name, other.apply(name, source.read(name)));
            }
            SafetensorsWriter.write(base.resolve("model.safetensors"), tensors, Map.of());
        }
        return base;
    }

    /** An adapter of rank 1 on one of its matrices. */
    private Path adapterOfQuery(float[] a, float[] b) throws IOException {
        Path adapter = Files.createDirectories(directory.resolve("adapter"));
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> factors = Map.of(
                    "base_model.model." + QUERY + ".lora_A.weight", Tensors.of(a, 1, a.length),
                    "base_model.model." + QUERY + ".lora_B.weight", Tensors.of(b, b.length, 1));
            SafetensorsWriter.write(adapter.resolve("adapter_model.safetensors"), factors, Map.of());
        }
        Files.writeString(
                adapter.resolve("adapter_config.json"),
                "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1, \"target_modules\": [\"layers.0.self_attn.q_proj\"]}");
        return adapter;
    }

    private static void export(Path output, String... options) {
        Captured call = Captured.loft(Stream.of(Stream.of("export", "--output", output.toString()), Stream.of(options))
                .flatMap(each -> each)
                .toArray(String[]::new));
        assertEquals(0, call.status(), call.err());
    }

    @Test
    void theDoctorAnswersForEachProgram() throws IOException {
        Captured table = Captured.loft("doctor", ADAPTER, "--model", LLAMA);
        assertEquals(0, table.status(), table.err());
        assertTrue(table.out().contains("llama.cpp  yes, after changes"), table.out());
        Captured model = Captured.loft("doctor", LLAMA);
        assertEquals(0, model.status(), model.out());
        Path wrong = Files.createDirectories(directory.resolve("wrong"));
        Files.copy(Path.of(LLAMA, "model.safetensors"), wrong.resolve("model.safetensors"));
        String config = Files.readString(Path.of(LLAMA, "config.json"));
        Files.writeString(wrong.resolve("config.json"), config.replace("\"hidden_size\": 64", "\"hidden_size\": 128"));
        Captured damaged = Captured.loft("doctor", wrong.toString());
        assertEquals(1, damaged.status(), damaged.out());
        assertTrue(damaged.out().contains("must have shape"), damaged.out());
        Path broken = Files.createDirectories(directory.resolve("broken"));
        Files.writeString(broken.resolve("adapter_config.json"), "{\"peft_type\": \"LORA\"}");
        Captured none = Captured.loft("doctor", broken.toString(), "--json");
        assertEquals(1, none.status());
        JsonNode tree = new ObjectMapper().readTree(none.out());
        assertEquals("no", tree.get("loads").get("vLLM").asText());
        assertTrue(tree.get("findings").size() > 2, none.out());
    }

    @Test
    void anAdapterIsNoModelToExport() {
        Path output = directory.resolve("model.gguf");
        Captured call = Captured.loft("export", "--model", ADAPTER, "--output", output.toString());
        assertEquals(1, call.status(), call.out());
        assertTrue(call.err().contains(ADAPTER + ": holds an adapter and no model: give it as --adapter"), call.err());
        assertFalse(Files.exists(output));
    }

    @Test
    void aDirectoryWithoutSettingsIsTakenForNeither() throws IOException {
        Path weights = Files.createDirectories(directory.resolve("weights"));
        Files.copy(Path.of(LLAMA, "model.safetensors"), weights.resolve("model.safetensors"));
        Captured model = Captured.loft("doctor", weights.toString());
        assertEquals(1, model.status(), model.out());
        String neither = "holds neither config.json, which every model has, nor adapter_config.json";
        assertTrue(model.err().contains(weights + ": " + neither), model.err());
        assertTrue(model.err().contains(": copy the config.json of the model here"), model.err());
        Captured empty = Captured.loft("doctor", directory.toString());
        assertTrue(empty.err().contains(directory + ": " + neither), empty.err());
        assertFalse(empty.err().contains("copy"), empty.err());
    }

    @ParameterizedTest
    @ValueSource(strings = {"{% if %}", "{{ raise_exception('no') }}"})
    void aTemplateThatIsBrokenKeepsNoModelFromItsExportAndIsTold(String template) throws IOException {
        Path model = Fixtures.copy("stories260K", directory.resolve("stories"));
        Path file = Files.writeString(model.resolve("chat_template.jinja"), template);
        Path output = directory.resolve("model.gguf");
        Captured call = Captured.loft("export", "--model", model.toString(), "--output", output.toString());
        assertEquals(0, call.status(), call.err());
        assertTrue(call.err().contains("what ends an answer is not known"), call.err());
        assertTrue(call.err().contains(file + ": chat template, line 1: "), call.err());
    }

    @Test
    void aWholeModelIsNoAdapter() {
        for (String verb : new String[] {"export", "merge"}) {
            Captured call = Captured.loft(
                    verb,
                    "--model",
                    LLAMA,
                    "--adapter",
                    LLAMA,
                    "--output",
                    directory.resolve("out").toString());
            assertEquals(1, call.status(), call.err());
            assertTrue(
                    call.err().contains(LLAMA + ": holds a whole model and no adapter: give it as --model"),
                    call.err());
        }
    }
}
