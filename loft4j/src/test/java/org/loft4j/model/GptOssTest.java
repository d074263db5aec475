package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Mxfp4Weight;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What gpt-oss has beyond other families. */
class GptOssTest {
    private static final ModelOptions LANGUAGE_MODEL = ModelOptions.of(Task.CAUSAL_LM);
    private static final Path FLOATS = Fixture.directory("gpt_oss");
    private static final Path PACKED = Fixture.directory("gpt_oss_mxfp4");

    @TempDir
    Path folder;

    private void config(Path from, Consumer<ObjectNode> change) throws IOException {
        ObjectNode json = Json.read(from.resolve("config.json")).toTree();
        change.accept(json);
        Json.write(folder.resolve("config.json"), json);
    }

    private static double[] logits(Model model) {
        try (NativeScope scope = new NativeScope()) {
            TokenInput input = new TokenInput(Tensors.of(new long[] {1, 5, 9, 2, 7, 30, 8, 11, 4}, 1, 9), null);
            return Tensors.toDoubles(model.logits(input));
        }
    }

    private static double[] random(Path directory) throws IOException {
        try (Model model = Models.initialise(directory, LANGUAGE_MODEL.withSeed(3))) {
            return logits(model);
        }
    }

    @Test
    void expertsStayPackedAndAreNothingToTrain() throws Exception {
        try (Model packed = Models.open(PACKED, LANGUAGE_MODEL);
                Model floats = Models.open(FLOATS, LANGUAGE_MODEL)) {
            assertEquals(
                    Set.of(
                            "model.layers.0.mlp.experts.gate_up_proj",
                            "model.layers.0.mlp.experts.down_proj",
                            "model.layers.1.mlp.experts.gate_up_proj",
                            "model.layers.1.mlp.experts.down_proj"),
                    packed.weights().quantized().keySet());
            assertEquals(LoadIn.FULL, packed.weights().loadIn());
            assertEquals(floats.weights().elements(), packed.weights().elements());
            long numbers = 2 * 6 * 3 * 32 * 64;
            long tables = 4 * 256 * (8 + 4);
            assertEquals(
                    numbers * 4 - numbers / 8.0 * 4.25 - tables,
                    floats.weights().bytes() - packed.weights().bytes());
        }
    }

    /** The second layer's experts as floats beside the first's bytes, of the same numbers. */
    @ParameterizedTest
    @ValueSource(strings = {"model.layers.1.mlp.experts", "layers.1.mlp.experts", "model.layers.[1-9]+.mlp"})
    void whatIsNotConvertedIsReadAsItIs(String pattern) throws Exception {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open("gpt_oss_mxfp4");
                ModelDirectory source = ModelDirectory.open(PACKED)) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : source.names()) {
                Tensor stored = source.read(name);
                if (name.contains("layers.1.") && name.endsWith("_scales")) {
                    String bare = name.substring(0, name.length() - "_scales".length());
                    try (Mxfp4Weight rows = Mxfp4Weight.of(source.read(bare + "_blocks"), stored, Dtype.F32)) {
                        tensors.put(
                                bare,
                                rows.dense().unflatten(0, 6, -1).transpose(1, 2).contiguous());
                    }
                } else if (!name.contains("layers.1.") || !name.endsWith("_blocks")) {
                    tensors.put(name, stored);
                }
            }
            SafetensorsWriter.write(folder.resolve(ModelDirectory.SINGLE), tensors, Map.of());
            config(
                    PACKED,
                    json -> ((ObjectNode) json.get("quantization_config"))
                            .putArray("modules_to_not_convert")
                            .add("lm_head")
                            .add(pattern));
            try (Model model = Models.open(folder, LANGUAGE_MODEL)) {
                assertEquals(2, model.weights().quantized().size());
                TokenInput input = fixture.input();
                Fixture.assertClose(fixture.expected("base.logits"), model.logits(input), input.attentionMask(), 2e-5);
            }
        }
    }

    @Test
    void aPatternThatIsNoneIsRefused() throws Exception {
        Files.copy(PACKED.resolve(ModelDirectory.SINGLE), folder.resolve(ModelDirectory.SINGLE));
        config(
                PACKED,
                json -> ((ObjectNode) json.get("quantization_config"))
                        .putArray("modules_to_not_convert")
                        .add("model.(layers"));
        CheckpointException refused =
                assertThrows(CheckpointException.class, () -> Models.open(folder, LANGUAGE_MODEL));
        assertTrue(refused.getMessage().contains("modules_to_not_convert"), refused.getMessage());
        assertTrue(refused.getMessage().contains("model.(layers"), refused.getMessage());
    }

    /** Where a file is silent, Transformers has yarn, alternating windows of 128, biases and four of 128 experts. */
    @Test
    void whatAFileDoesNotSayIsAsInTransformers() throws Exception {
        Consumer<ObjectNode> silent = json -> json.remove(List.of(
                "rope_scaling",
                "rope_theta",
                "layer_types",
                "attention_bias",
                "sliding_window",
                "head_dim",
                "num_experts_per_tok",
                "num_local_experts",
                "swiglu_limit",
                "hidden_act",
                "max_position_embeddings"));
        config(FLOATS, silent);
        double[] assumed = random(folder);
        assertEquals(131072, Models.maxPositions(folder));
        config(FLOATS, silent.andThen(json -> {
            json.put("rope_theta", 150000.0).put("sliding_window", 128).put("head_dim", 64);
            json.put("num_local_experts", 128).put("num_experts_per_tok", 4).put("attention_bias", true);
            json.putArray("layer_types").add("sliding_attention").add("full_attention");
            json.putObject("rope_parameters")
                    .put("rope_type", "yarn")
                    .put("factor", 32.0)
                    .put("beta_fast", 32.0)
                    .put("beta_slow", 1.0)
                    .put("truncate", false)
                    .put("original_max_position_embeddings", 4096);
        }));
        assertArrayEquals(random(folder), assumed);
        config(FLOATS, silent.andThen(json -> json.putObject("rope_scaling").put("rope_type", "default")));
        assertTrue(random(folder)[60] != assumed[60], "without yarn");
    }

    @Test
    void anAdapterIsOfAttentionAlone() throws Exception {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(PACKED, LANGUAGE_MODEL)) {
            try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
                assertEquals(8, adapter.layers().size());
                assertTrue(adapter.layers().keySet().stream().allMatch(path -> path.contains("self_attn")));
            }
            for (TargetModules targets : List.of(
                    TargetModules.names("q_proj", "gate_up_proj"),
                    TargetModules.names("down_proj"),
                    TargetModules.names("router"),
                    TargetModules.names("experts"),
                    TargetModules.regex(".*mlp.*"))) {
                ConfigException refused = assertThrows(
                        ConfigException.class, () -> LoraAdapter.create(model, LoraConfig.of(2, 4, targets), 1));
                assertTrue(refused.getMessage().contains("target_parameters"), refused.getMessage());
                assertTrue(refused.getMessage().contains("q_proj"), refused.getMessage());
            }
            ConfigException saved = assertThrows(
                    ConfigException.class,
                    () -> LoraAdapter.create(
                            model,
                            LoraConfig.of(2, 4, TargetModules.allLinear()).withModulesToSave(List.of("experts")),
                            1));
            assertTrue(saved.getMessage().contains("MXFP4"), saved.getMessage());
        }
    }

    @Test
    void fewerBitsAreForACheckpointWhoseExpertsArePacked() throws Exception {
        ConfigException refused =
                assertThrows(ConfigException.class, () -> Models.open(FLOATS, LANGUAGE_MODEL.withLoadIn(LoadIn.NF4)));
        assertTrue(refused.getMessage().contains("checkpoint in MXFP4"), refused.getMessage());
        try (Model model = Models.open(PACKED, LANGUAGE_MODEL.withLoadIn(LoadIn.NF4))) {
            assertEquals(LoadIn.NF4, model.weights().loadIn());
            assertEquals(2 * 4 + 2 + 4, model.weights().quantized().size());
        }
    }

    @Test
    void newWeightsAreFloats() throws Exception {
        ConfigException refused = assertThrows(ConfigException.class, () -> Models.initialise(PACKED, LANGUAGE_MODEL));
        assertTrue(refused.getMessage().contains("quantization_config"), refused.getMessage());
        Models.check(PACKED);
        Models.requireKnown(PACKED);
        try (Model outline = Models.outline(PACKED, LANGUAGE_MODEL);
                Model whole = Models.open(PACKED, LANGUAGE_MODEL)) {
            assertEquals(DeviceSpec.META, outline.description().device());
            assertEquals(whole.weights().bytes(), outline.weights().bytes());
        }
    }
}
