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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.GgufReader;
import org.loft4j.io.GgufType;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.TensorSource;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * Mixtures, whose experts lie each by itself or in one tensor a kind, gates before ups, and Ministral 3. The fixtures are of Transformers'
 * own classes.
 */
class GgufMixturesTest {
    private static final Path FIXTURES = Path.of("src", "test", "resources", "fixtures");

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

    private GgufReader export(Path model) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(model)) {
            return export(source, model);
        }
    }

    private GgufReader export(TensorSource source, Path model) throws IOException {
        Path file = directory.resolve("model.gguf");
        var options = new GgufModel.Options(model, model, GgufType.F32, null, null, null, null);
        return new GgufReader(GgufModel.write(source, options, file).file());
    }

    private static float[] read(TensorSource source, String name) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            return Tensors.toFloats(source.read(name).to(Dtype.F32.scalarType()));
        }
    }

    /** Blocks by the names of their tensors, in the fixture and in the file. */
    @ParameterizedTest
    @CsvSource({
        "qwen3_5_moe, qwen35moe, model.language_model.layers.1., mlp.gate.weight, mlp.experts.gate_up_proj,"
                + " mlp.experts.down_proj, mlp.shared_expert.down_proj.weight, ffn_down_shexp.weight, 6, 2",
        "gemma4_moe, gemma4, model.language_model.layers.1., router.proj.weight, experts.gate_up_proj,"
                + " experts.down_proj, router.per_expert_scale, ffn_down_exps.scale, 6, 2",
        "granitemoe, granitemoe, model.layers.1., block_sparse_moe.router.layer.weight,"
                + " block_sparse_moe.input_linear.weight, block_sparse_moe.output_linear.weight,"
                + " post_attention_layernorm.weight, ffn_norm.weight, 8, 3",
        "granitemoehybrid_moe, granitehybrid, model.layers.1., block_sparse_moe.router.layer.weight,"
                + " block_sparse_moe.input_linear.weight, block_sparse_moe.output_linear.weight,"
                + " shared_mlp.output_linear.weight, ffn_down_shexp.weight, 6, 2",
    })
    void expertsArePartedIntoGatesAndUps(
            String fixture,
            String architecture,
            String block,
            String router,
            String gateUp,
            String down,
            String beside,
            String besideThere,
            int experts,
            long used)
            throws IOException {
        Path model = model(fixture, config -> {});
        GgufReader read = export(model);
        assertEquals(architecture, read.metadata.get("general.architecture"));
        assertEquals((long) experts, read.metadata.get(architecture + ".expert_count"));
        assertEquals(used, read.metadata.get(architecture + ".expert_used_count"));
        try (ModelDirectory source = ModelDirectory.open(model)) {
            float[] both = read(source, block + gateUp);
            int half = both.length / experts / 2;
            float[] gates = GgufModelTest.values(read, "blk.1.ffn_gate_exps.weight");
            float[] ups = GgufModelTest.values(read, "blk.1.ffn_up_exps.weight");
            for (int e = 0; e < experts; e++) {
                int from = 2 * e * half;
                assertArrayEquals(
                        Arrays.copyOfRange(both, from, from + half),
                        Arrays.copyOfRange(gates, e * half, (e + 1) * half));
                assertArrayEquals(
                        Arrays.copyOfRange(both, from + half, from + 2 * half),
                        Arrays.copyOfRange(ups, e * half, (e + 1) * half));
            }
            for (Map.Entry<String, String> same : Map.of(
                            down, "ffn_down_exps.weight", router, "ffn_gate_inp.weight", beside, besideThere)
                    .entrySet()) {
                assertArrayEquals(
                        read(source, block + same.getKey()),
                        GgufModelTest.values(read, "blk.1." + same.getValue()),
                        same.getKey());
            }
        }
    }

    @Test
    void theExpertOfAllTokensHasItsWidthAndItsGate() throws IOException {
        GgufReader qwen = export(model("qwen3_5_moe", config -> {}));
        assertEquals(12L, qwen.metadata.get("qwen35moe.expert_feed_forward_length"));
        assertEquals(20L, qwen.metadata.get("qwen35moe.expert_shared_feed_forward_length"));
        assertArrayEquals(
                new long[] {32},
                qwen.tensors.get("blk.0.ffn_gate_inp_shexp.weight").sizes());
        GgufReader granite = export(model("granitemoehybrid_moe", config -> {}));
        assertEquals(20L, granite.metadata.get("granitehybrid.feed_forward_length"));
        assertEquals(24L, granite.metadata.get("granitehybrid.expert_shared_feed_forward_length"));
        assertArrayEquals(
                new long[] {32, 24},
                granite.tensors.get("blk.0.ffn_gate_shexp.weight").sizes());
        assertFalse(granite.tensors.containsKey("blk.0.ffn_gate.weight"));
        GgufReader gemma = export(model("gemma4_moe", config -> {}));
        assertEquals(12L, gemma.metadata.get("gemma4.expert_feed_forward_length"));
        assertEquals(List.of(20L, 20L, 20L), gemma.metadata.get("gemma4.feed_forward_length"));
    }

    /** As Transformers saves a model that it has not read from a file with stacks. */
    @Test
    void expertsOfQwenThatAreModulesAreLaidOnEachOther() throws IOException {
        Path model = model("qwen3_5_moe_text", config -> {
            config.put("hidden_act", "silu");
            config.put("attention_bias", false);
        });
        String fault =
                assertThrows(CheckpointException.class, () -> export(model)).getMessage();
        assertTrue(fault.contains("linear_value_head_dim"), fault);
        try (ModelDirectory source = ModelDirectory.open(model)) {
            TextConfig config = TextConfig.read(model);
            TensorPlace place = new TensorNames(config)
                    .places("model.layers.1.mlp.experts.3.up_proj.weight")
                    .get(0);
            assertEquals("blk.1.ffn_up_exps.weight", place.name());
            assertEquals(3, place.expert());
            assertEquals(8, Mixtures.count(config));
        }
    }

    /** Each expert is merged by itself, as its turn comes. */
    @Test
    void anAdapterOfExpertsIsMerged() throws IOException {
        Path base = model("qwen3_5_moe", config -> {});
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(base, ModelOptions.of(Task.CAUSAL_LM));
                LoraAdapter adapter = LoraAdapter.create(
                        model,
                        LoraConfig.of(2, 4, TargetModules.allLinear())
                                .withTargetParameters(List.of("mlp.experts.gate_up_proj")),
                        1)) {
            adapter.layers().values().forEach(layer -> layer.loraB().detach().fill_(new Scalar(0.5)));
            try (MergedTensors merged = new MergedTensors(base, model, adapter, base)) {
                GgufReader read = export(merged, base);
                String up = merged.names().stream()
                        .filter(name -> name.endsWith("layers.1.mlp.experts.gate_up_proj"))
                        .findFirst()
                        .orElseThrow();
                float[] whole = read(merged, up);
                float[] gates = GgufModelTest.values(read, "blk.1.ffn_gate_exps.weight");
                int half = gates.length / 6;
                for (int e = 0; e < 6; e++) {
                    assertArrayEquals(
                            Arrays.copyOfRange(whole, 2 * e * half, (2 * e + 1) * half),
                            Arrays.copyOfRange(gates, e * half, (e + 1) * half));
                }
                Tensor before = model.weights().get(up);
                assertTrue(Math.abs(whole[0] - before.flatten().select(0, 0).item_float()) > 1e-4);
            }
        }
    }

    @Test
    void ministral3TellsHowItsQueriesGrow() throws IOException {
        GgufReader read = export(model("mistral3_ministral3", config -> {}));
        Map<String, Object> metadata = read.metadata;
        assertEquals("mistral3", metadata.get("general.architecture"));
        assertEquals(0.3f, metadata.get("mistral3.attention.temperature_scale"));
        assertEquals("yarn", metadata.get("mistral3.rope.scaling.type"));
        assertEquals(8f, metadata.get("mistral3.rope.scaling.factor"));
        assertEquals(4L, metadata.get("mistral3.rope.scaling.original_context_length"));
        assertEquals(1f, metadata.get("mistral3.rope.scaling.yarn_log_multiplier"));
        assertEquals(1e-5f, metadata.get("mistral3.attention.layer_norm_rms_epsilon"));
        assertEquals(21, read.tensors.size());
    }

    @ParameterizedTest
    @CsvSource({
        "mistral3_ministral3, mscale, 0.5, 'rope_parameters.mscale\" must be 1 for llama.cpp, found 0.5'",
        "mistral3_ministral3, attention_factor, 2, 'rope_parameters.attention_factor\" must be 1 for llama.cpp, found 2.0'",
        "mistral3_ministral3, truncate, false, 'whole limits'",
        "granitemoehybrid_moe, layer_types, attention, '\"position_embedding_type\" must be rope for llama.cpp'",
        "granitemoe, hidden_act, gelu, hidden_act",
    })
    void whatLlamaCppWouldComputeOtherwiseIsRefused(String fixture, String key, String value, String why)
            throws IOException {
        Path model = model(fixture, config -> {
            if (key.equals("layer_types")) {
                config.putArray(key).add(value).add(value);
                return;
            }
            ObjectNode at =
                    fixture.startsWith("mistral3") ? (ObjectNode) config.at("/text_config/rope_parameters") : config;
            if (value.matches("[\\d.]+")) {
                at.put(key, Double.parseDouble(value));
            } else if (value.equals("false")) {
                at.put(key, false);
            } else {
                at.put(key, value);
            }
        });
        TextConfig config = TextConfig.read(model);
        String fault = assertThrows(
                        CheckpointException.class,
                        () -> GgufParameters.put(config, 256, new GgufMetadata(), new ArrayList<>()))
                .getMessage();
        assertTrue(fault.contains(why), fault);
    }

    @ParameterizedTest
    @CsvSource({
        "qwen3_moe, qwen3moe, model.layers.1.mlp.experts., gate_proj, up_proj, down_proj",
        "mixtral, llama, model.layers.1.block_sparse_moe.experts., w1, w3, w2",
        "olmoe, olmoe, model.layers.1.mlp.experts., gate_proj, up_proj, down_proj",
    })
    void theExpertsOfABlockLieOnEachOther(
            String modelType, String key, String path, String gate, String up, String down) throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve(modelType), modelType).write();
        GgufReader read = GgufModelTest.export(checkpoint, GgufType.F16);
        Map<String, String> parts = Map.of("ffn_gate_exps", gate, "ffn_up_exps", up, "ffn_down_exps", down);
        for (Map.Entry<String, String> part : parts.entrySet()) {
            GgufReader.Entry stacked = read.tensors.get("blk.1." + part.getKey() + ".weight");
            long[] one = checkpoint.shapes.get(path + "0." + part.getValue() + ".weight");
            assertArrayEquals(new long[] {one[1], one[0], TinyCheckpoint.EXPERTS}, stacked.sizes());
            float[] values = stacked.values();
            int size = (int) (one[0] * one[1]);
            for (int e : new int[] {0, 2, 10}) {
                float[] expert = checkpoint.values.get(path + e + "." + part.getValue() + ".weight");
                assertEquals(expert[size - 1], values[(e + 1) * size - 1], 2e-3, "expert " + e);
            }
        }
        assertEquals(0, read.tensors.get("blk.1.ffn_gate_inp.weight").type(), "the router is float32");
        assertEquals((long) TinyCheckpoint.EXPERTS, read.metadata.get(key + ".expert_count"));
        assertEquals(2L, read.metadata.get(key + ".expert_used_count"));
        assertEquals(
                modelType.equals("qwen3_moe") ? (long) TinyCheckpoint.EXPERT_WIDTH : null,
                read.metadata.get(key + ".expert_feed_forward_length"));
    }

    @Test
    void anotherNumberOfExpertsThanConfigJsonSaysIsRefused() throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("qwen3_moe"), "qwen3_moe");
        checkpoint.config.put("num_experts", TinyCheckpoint.EXPERTS + 1);
        checkpoint.write();
        CheckpointException fault =
                assertThrows(CheckpointException.class, () -> GgufModelTest.export(checkpoint, null));
        assertTrue(fault.getMessage().contains("has 11 experts"), fault.getMessage());
    }

    /** One is missing among the others, or is numbered beyond them. */
    @ParameterizedTest
    @CsvSource({"3, , has 10 experts", "3, 11, has 11 experts"})
    void expertsAreNumberedWithoutAHole(String number, @Nullable String other, String why) throws IOException {
        TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve("qwen3_moe"), "qwen3_moe");
        for (String name : List.copyOf(checkpoint.shapes.keySet())) {
            if (name.contains(".experts." + number + ".")) {
                long[] shape = checkpoint.shapes.remove(name);
                if (other != null) {
                    checkpoint.shapes.put(name.replace(".experts." + number, ".experts." + other), shape);
                }
            }
        }
        checkpoint.write();
        CheckpointException fault =
                assertThrows(CheckpointException.class, () -> GgufModelTest.export(checkpoint, null));
        assertTrue(fault.getMessage().contains(why), fault.getMessage());
    }
}
