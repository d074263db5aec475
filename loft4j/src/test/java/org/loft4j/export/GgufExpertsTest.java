package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorSource;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** gpt-oss, whose experts are one tensor a kind. */
class GgufExpertsTest {
    private static final Path FIXTURES = Path.of("src", "test", "resources", "fixtures");
    private static final int EXPERTS = 6;

    @TempDir
    Path directory;

    /** A fixture with the tokenizer of a {@link TinyCheckpoint}. */
    private Path model(String fixture, Consumer<ObjectNode> change) throws IOException {
        Path model = new TinyCheckpoint(directory.resolve(fixture), "llama").write().directory;
        for (String file : new String[] {"config.json", "model.safetensors"}) {
            Files.copy(
                    FIXTURES.resolve(fixture).resolve(file), model.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
        ObjectNode config = Json.read(model.resolve("config.json")).toTree();
        change.accept(config);
        Json.write(model.resolve("config.json"), config);
        return model;
    }

    private ExportReport export(Path model, @Nullable GgufType type) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(model)) {
            return GgufModel.write(
                    source,
                    new GgufModel.Options(model, model, type, null, null, null, null),
                    directory.resolve("model.gguf"));
        }
    }

    private static double[] read(TensorSource source, String name) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            return Tensors.toDoubles(source.read(name).to(org.loft4j.tensor.Dtype.F64.scalarType()));
        }
    }

    private static float[] values(GgufReader read, String name) {
        return GgufModelTest.values(read, name);
    }

    @Test
    void expertsInMxfp4StaySo() throws IOException {
        Path model = model("gpt_oss_mxfp4", config -> {});
        ExportReport report = export(model, GgufType.Q8_0);
        GgufReader read = new GgufReader(report.file());
        assertEquals(6, report.tensors().get("MXFP4"));
        assertEquals(38L, read.metadata.get("general.file_type"));
        assertTrue(
                report.notes().toString().contains("experts stay in MXFP4"),
                report.notes().toString());
        assertTrue(
                report.notes().toString().contains("rounds the limits of yarn"),
                report.notes().toString());
        try (ModelDirectory source = ModelDirectory.open(model)) {
            assertPacked(read, source);
        }
    }

    private static void assertPacked(GgufReader read, TensorSource source) throws IOException {
        for (int block = 0; block < 2; block++) {
            String path = "model.layers." + block + ".mlp.experts.";
            float[] both = widened(source, path + "gate_up_proj");
            float[] gate = values(read, "blk." + block + ".ffn_gate_exps.weight");
            float[] up = values(read, "blk." + block + ".ffn_up_exps.weight");
            assertArrayEquals(
                    new long[] {64, 32, EXPERTS},
                    read.tensors.get("blk." + block + ".ffn_up_exps.weight").sizes());
            assertEquals(
                    39, read.tensors.get("blk." + block + ".ffn_up_exps.weight").type());
            for (int i = 0; i < gate.length; i++) {
                int row = i / 64;
                assertEquals(both[2 * row * 64 + i % 64], gate[i]);
                assertEquals(both[(2 * row + 1) * 64 + i % 64], up[i]);
            }
            assertArrayEquals(
                    widened(source, path + "down_proj"), values(read, "blk." + block + ".ffn_down_exps.weight"));
        }
    }

    /** The numbers of a checkpoint's blocks: the first of two codes in a byte is in its lower half. */
    private static float[] widened(TensorSource source, String name) throws IOException {
        double[] bytes = read(source, name + "_blocks");
        double[] powers = read(source, name + "_scales");
        float[] values = new float[2 * bytes.length];
        for (int i = 0; i < values.length; i++) {
            int codes = (int) bytes[i / 2];
            values[i] =
                    (float) Math.pow(2, powers[i / 32] - 127) * GgufReader.four(i % 2 == 0 ? codes & 15 : codes >> 4);
        }
        return values;
    }

    @Test
    void expertsInFullAreTurnedAndGatesPartedFromUps() throws IOException {
        Path model = model("gpt_oss", config -> {});
        ExportReport report = export(model, null);
        assertFalse(report.notes().toString().contains("MXFP4"), report.notes().toString());
        GgufReader read = new GgufReader(report.file());
        assertEquals(0L, read.metadata.get("general.file_type"));
        int hidden = (int) (long) (Long) read.metadata.get("gpt-oss.embedding_length");
        int width = (int) (long) (Long) read.metadata.get("gpt-oss.expert_feed_forward_length");
        int experts = (int) (long) (Long) read.metadata.get("gpt-oss.expert_count");
        try (ModelDirectory source = ModelDirectory.open(model)) {
            String path = "model.layers.1.mlp.experts.";
            double[] both = read(source, path + "gate_up_proj");
            double[] down = read(source, path + "down_proj");
            double[] biases = read(source, path + "gate_up_proj_bias");
            for (int e = 0; e < experts; e++) {
                for (int o = 0; o < width; o++) {
                    for (int i = 0; i < hidden; i++) {
                        int to = (e * width + o) * hidden + i;
                        int from = (e * hidden + i) * 2 * width + 2 * o;
                        assertEquals((float) both[from], values(read, "blk.1.ffn_gate_exps.weight")[to]);
                        assertEquals((float) both[from + 1], values(read, "blk.1.ffn_up_exps.weight")[to]);
                        assertEquals(
                                (float) down[(e * width + o) * hidden + i],
                                values(read, "blk.1.ffn_down_exps.weight")[(e * hidden + i) * width + o]);
                    }
                    int one = e * width + o;
                    assertEquals((float) biases[2 * one], values(read, "blk.1.ffn_gate_exps.bias")[one]);
                    assertEquals((float) biases[2 * one + 1], values(read, "blk.1.ffn_up_exps.bias")[one]);
                }
            }
            for (Map.Entry<String, String> same : Map.of(
                            "self_attn.sinks", "attn_sinks.weight",
                            "self_attn.o_proj.bias", "attn_output.bias",
                            "self_attn.q_proj.weight", "attn_q.weight",
                            "mlp.router.weight", "ffn_gate_inp.weight",
                            "mlp.router.bias", "ffn_gate_inp.bias",
                            "mlp.experts.down_proj_bias", "ffn_down_exps.bias",
                            "input_layernorm.weight", "attn_norm.weight",
                            "post_attention_layernorm.weight", "post_attention_norm.weight")
                    .entrySet()) {
                double[] expected = read(source, "model.layers.1." + same.getKey());
                float[] written = values(read, "blk.1." + same.getValue());
                assertEquals(expected.length, written.length);
                for (int i = 0; i < written.length; i++) {
                    assertEquals((float) expected[i], written[i], same.getKey());
                }
            }
        }
    }

    @Test
    void theSizesAreNamed() throws IOException {
        Map<String, Object> metadata = new GgufReader(
                        export(model("gpt_oss_mxfp4", config -> {}), null).file())
                .metadata;
        assertEquals("gpt-oss", metadata.get("general.architecture"));
        assertEquals(6L, metadata.get("gpt-oss.expert_count"));
        assertEquals(2L, metadata.get("gpt-oss.expert_used_count"));
        assertEquals(32L, metadata.get("gpt-oss.expert_feed_forward_length"));
        assertEquals(6L, metadata.get("gpt-oss.attention.sliding_window"));
        assertEquals(16L, metadata.get("gpt-oss.attention.key_length"));
        assertEquals(150000f, metadata.get("gpt-oss.rope.freq_base"));
        assertEquals("yarn", metadata.get("gpt-oss.rope.scaling.type"));
        assertEquals(8f, metadata.get("gpt-oss.rope.scaling.factor"));
        assertEquals(16L, metadata.get("gpt-oss.rope.scaling.original_context_length"));
    }

    @ParameterizedTest
    @CsvSource({
        "attention_bias, false, attention_bias",
        "swiglu_limit, 5, swiglu_limit",
        "sliding_window, null, sliding_window",
        "rope_scaling, null, rope_scaling",
        "layer_types, '[\"full_attention\", \"sliding_attention\"]', layer_types",
        "num_hidden_layers, 3, 'lacks the tensors'",
    })
    void whatLlamaCppWouldComputeOtherwiseIsRefused(String key, String value, String why) throws IOException {
        Path model = model("gpt_oss_mxfp4", config -> {
            try {
                config.set(key, new com.fasterxml.jackson.databind.ObjectMapper().readTree(value));
            } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
                throw new AssertionError(e);
            }
        });
        CheckpointException refused = assertThrows(CheckpointException.class, () -> export(model, null));
        assertTrue(refused.getMessage().contains(why), refused.getMessage());
        assertFalse(Files.exists(directory.resolve("model.gguf")));
    }

    /** An adapter of attention over experts that no model in memory holds as numbers. */
    @Test
    void anAdapterIsMergedBesideExpertsInMxfp4() throws IOException {
        Path base = model("gpt_oss_mxfp4", config -> {});
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(base);
                Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM));
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
            adapter.layers().values().forEach(layer -> layer.loraB().detach().fill_(new Scalar(0.5)));
            Path file = directory.resolve("merged.gguf");
            try (MergedTensors merged = new MergedTensors(base, model, adapter, base)) {
                assertEquals(source.names(), merged.names());
                GgufModel.write(merged, GgufModel.Options.of(base), file);
            }
            GgufReader read = new GgufReader(file);
            assertPacked(read, source);
            Tensor changed = model.weights().get("model.layers.0.self_attn.q_proj.weight");
            float[] query = values(read, "blk.0.attn_q.weight");
            assertTrue(Math.abs(query[0] - changed.flatten().select(0, 0).item_float()) > 1e-3);
        }
    }

    @Test
    void nothingIsTurnedIntoMxfp4() {
        assertThrows(ConfigException.class, () -> GgufType.parse("mxfp4"));
    }
}
