package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ParameterReader;
import org.loft4j.model.gemma4.Gemma4Config;
import org.loft4j.model.gemma4.Gemma4Config.Block;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.RopeScaling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.Trainable;

/** What config.json of a Gemma 4 may say, and what is trained of such a model. */
class Gemma4Test {
    @TempDir
    Path folder;

    /** As Transformers 5.16 fills it: sizes, kinds of layers, rotations. */
    @Test
    void whatAFileLeavesOutIsAsInTransformers() throws IOException {
        Gemma4Config config = Gemma4Config.from(write("{\"model_type\": \"gemma4_text\"}"));
        assertEquals(262144, config.sizes().vocabularySize());
        assertEquals(2304, config.sizes().hiddenSize());
        assertEquals(0, config.sizes().padTokenId());
        assertTrue(config.sizes().tieWordEmbeddings());
        assertEquals(new Gemma4Config.Inputs(262144, 256), config.inputs());
        assertEquals(0, config.finalLogitSoftcapping());
        assertEquals(30, config.blocks().size());
        for (int i = 0; i < 30; i++) {
            Block block = config.blocks().get(i);
            boolean whole = (i + 1) % 6 == 0;
            assertEquals(whole ? 512 : 256, block.headDim());
            assertEquals(4, block.keyValueHeads());
            assertEquals(-1, block.lender());
            assertEquals(9216, block.width());
            assertEquals(whole ? 0 : 512, block.placement().window());
            assertEquals(whole ? 512 : 256, block.placement().rope().dim());
            assertEquals(whole ? 1e6 : 1e4, block.placement().rope().theta());
            assertEquals(
                    whole ? new RopeScaling.Proportional(64, 1) : new RopeScaling.None(),
                    block.placement().rope().scaling());
        }
    }

    /** E2B's numbers: twenty of 35 layers take the keys and values of the last two that have their own. */
    @Test
    void theLastLayersTakeKeysAndValuesOfTheirKind() throws IOException {
        ObjectNode json = write("""
                {"model_type": "gemma4_text", "num_hidden_layers": 35, "num_key_value_heads": 1, "num_kv_shared_layers": 20,
                 "num_global_key_value_heads": 7, "use_double_wide_mlp": true, "intermediate_size": 6144, "hidden_size": 1536}
                """).toTree();
        var types = json.putArray("layer_types");
        for (int i = 0; i < 35; i++) {
            types.add((i + 1) % 5 == 0 ? "full_attention" : "sliding_attention");
        }
        List<Block> blocks = Gemma4Config.from(write(json.toString())).blocks();
        for (int i = 0; i < 35; i++) {
            boolean whole = (i + 1) % 5 == 0;
            assertEquals(i < 15 ? -1 : whole ? 14 : 13, blocks.get(i).lender());
            assertEquals(i < 15 ? 6144 : 12288, blocks.get(i).width());
            assertEquals(1, blocks.get(i).keyValueHeads(), "only keys that are values have a number of their own");
            assertFalse(blocks.get(i).keyAsValue());
        }
    }

    /** The last layer is one without a window in Transformers, which says so and goes on. */
    @Test
    void theLastLayerHasNoWindow() throws IOException {
        List<Block> blocks = Gemma4Config.from(
                        write(
                                "{\"model_type\": \"gemma4_text\", \"num_hidden_layers\": 2, \"layer_types\": [\"sliding_attention\", \"sliding_attention\"]}"))
                .blocks();
        assertEquals(512, blocks.get(0).placement().window());
        assertEquals(0, blocks.get(1).placement().window());
        assertEquals(512, blocks.get(1).headDim());
    }

    /** 31B's file by the keys of today, and by those of before. */
    @Test
    void bothGenerationsOfKeysGiveTheSameHeads() throws IOException {
        String common = "{\"model_type\": \"gemma4_text\", \"num_hidden_layers\": 6, \"num_attention_heads\": 32,"
                + " \"num_key_value_heads\": 16, \"attention_k_eq_v\": true, ";
        Gemma4Config older =
                Gemma4Config.from(write(common + "\"global_head_dim\": 512, \"num_global_key_value_heads\": 4}"));
        String each = "\"per_layer_config\": {\"05\": {\"head_dim\": 512, \"num_key_value_heads\": 4}}";
        assertEquals(older, Gemma4Config.from(write(common + each + "}")));
        assertEquals(
                older,
                Gemma4Config.from(
                        write(common + each + ", \"global_head_dim\": 512, \"num_global_key_value_heads\": 4}")));
        assertTrue(older.blocks().get(5).keyAsValue());
        assertEquals(16, older.blocks().get(4).keyValueHeads());
        assertEquals(4, older.blocks().get(5).keyValueHeads());
        assertEquals(
                256,
                Gemma4Config.from(write(common + "\"per_layer_config\": {}}"))
                        .blocks()
                        .get(5)
                        .headDim());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "use_bidirectional_attention | \"all\" | must be false or vision",
                "num_kv_shared_layers | 6 | must be less than the 6 of num_hidden_layers",
                "num_kv_shared_layers | 5 | none of the layers before those is of the kind of layer 1",
                "vocab_size_per_layer_input | 100 | must be at least vocab_size",
                "rope_theta | 10000 | put it into rope_parameters",
                "rope_scaling | {\"rope_type\": \"linear\", \"factor\": 2} | put it into rope_parameters",
                "rope_parameters | {\"full_attention\": {\"rope_type\": \"default\", \"rope_theta\": 1}} | none for sliding_attention",
                "per_layer_config | {\"1\": {\"intermediate_size\": 7}} | cannot differ between layers",
                "per_layer_config | {\"6\": {\"head_dim\": 8}} | must be the number of a layer",
                "per_layer_config | {\"1\": {\"head_dim\": 16}} | must have the same heads for all layers of a kind",
                "per_layer_config | {\"1\": {\"head_dim\": 32}, \"3\": {\"head_dim\": 32}, \"5\": {\"head_dim\": 32}} | keep the one that is meant",
            })
    void whatIsNotHonouredIsRefused(String key, String value, String fault) throws IOException {
        ObjectNode json = Json.read(Fixture.directory("gemma4").resolve("config.json"))
                .requireObject("text_config")
                .toTree();
        json.putRawValue(key, new com.fasterxml.jackson.databind.util.RawValue(value));
        JsonObject changed = write(json.toString());
        String message =
                assertThrows(Exception.class, () -> Gemma4Config.from(changed)).getMessage();
        assertTrue(message.contains(key) && message.contains(fault), message);
        assertTrue(message.contains("config.json"), message);
    }

    /** Transformers has no numbers for them where a file is silent. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "num_experts | null | \"text_config.num_experts\" must be",
                "top_k_experts | null | \"text_config.top_k_experts\" must be",
                "moe_intermediate_size | null | \"text_config.moe_intermediate_size\" must be",
                "top_k_experts | 7 | top_k_experts must be",
            })
    void whatAMixtureNeedsIsRefusedByItsKey(String key, String value, String fault) throws IOException {
        Path changed = CheckpointCopy.of(
                folder,
                Fixture.directory("gemma4_moe"),
                json -> ((ObjectNode) json.get("text_config"))
                        .putRawValue(key, new com.fasterxml.jackson.databind.util.RawValue(value)),
                name -> name,
                Dtype.F32);
        String message = assertThrows(Exception.class, () -> Models.open(changed, ModelOptions.of(Task.CAUSAL_LM)))
                .getMessage();
        assertTrue(message.contains(fault), message);
    }

    /** The router is a linear layer, which all-linear leaves alone; experts lie in parameters. */
    @Test
    void anAdapterOfAMixtureIsOfItsLinearLayers() throws IOException {
        try (Model model = Models.open(Fixture.directory("gemma4_moe"), ModelOptions.of(Task.CAUSAL_LM))) {
            Set<String> all =
                    LoraConfig.of(2, 4, TargetModules.allLinear()).layers(model).keySet();
            assertEquals(3 * 7 - 1, all.size(), all.toString());
            assertTrue(all.contains("model.language_model.layers.1.mlp.up_proj"), all.toString());
            Set<String> named = LoraConfig.of(2, 4, TargetModules.names("q_proj", "proj"))
                    .layers(model)
                    .keySet();
            assertEquals(6, named.size(), named.toString());
            assertTrue(named.contains("model.language_model.layers.2.router.proj"), named.toString());
            String message = assertThrows(
                            ConfigException.class,
                            () -> LoraConfig.of(2, 4, TargetModules.names("gate_up_proj"))
                                    .layers(model))
                    .getMessage();
            assertTrue(message.contains("target_parameters"), message);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"linear", "yarn"})
    void otherRotationsAreRefused(String type) throws IOException {
        ObjectNode json = Json.read(Fixture.directory("gemma4_text").resolve("config.json"))
                .toTree();
        ((ObjectNode) json.get("rope_parameters").get("sliding_attention")).put("rope_type", type);
        JsonObject changed = write(json.toString());
        String message =
                assertThrows(Exception.class, () -> Gemma4Config.from(changed)).getMessage();
        assertTrue(message.contains("must be default or proportional"), message);
    }

    /** Transformers' plain rotation is of whole heads, whatever the file says. */
    @Test
    void aShareThatAPlainRotationDoesNotHonourIsRefused() throws IOException {
        ObjectNode json = Json.read(Fixture.directory("gemma4_text").resolve("config.json"))
                .toTree();
        ((ObjectNode) json.get("rope_parameters").get("sliding_attention")).put("partial_rotary_factor", 0.5);
        JsonObject changed = write(json.toString());
        String message =
                assertThrows(Exception.class, () -> Gemma4Config.from(changed)).getMessage();
        assertTrue(message.contains("partial_rotary_factor") && message.contains("take proportional"), message);
    }

    /** Files of the hub hold keys and values of layers that take those of others. */
    @Test
    void whatNoLayerUsesIsNotTold() throws IOException {
        try (Logged missed = new Logged(ParameterReader.class);
                Logged unknown = new Logged(ConfigKeys.class);
                Model model = Models.open(Fixture.directory("gemma4"), ModelOptions.of(Task.CAUSAL_LM))) {
            assertEquals(List.of(), missed.messages());
            assertEquals(List.of(), unknown.messages());
            assertFalse(model.linears().containsKey("model.language_model.layers.3.self_attn.k_proj"));
        }
    }

    @Test
    void allLinearIsWhatPeftAdapts() throws IOException {
        try (Model model = Models.open(Fixture.directory("gemma4"), ModelOptions.of(Task.CAUSAL_LM))) {
            Set<String> paths =
                    LoraConfig.of(2, 4, TargetModules.allLinear()).layers(model).keySet();
            assertEquals(
                    Set.of(
                            "per_layer_model_projection",
                            "q_proj",
                            "k_proj",
                            "v_proj",
                            "o_proj",
                            "gate_proj",
                            "up_proj",
                            "down_proj",
                            "per_layer_input_gate",
                            "per_layer_projection"),
                    paths.stream()
                            .map(path -> path.substring(path.lastIndexOf('.') + 1))
                            .collect(Collectors.toSet()));
            // six layers of nine, two of them in three layers only, and the projection
            assertEquals(6 * 7 + 3 * 2 + 1, paths.size());
        }
    }

    @Test
    void scalesOfLayersAreNotTrained() throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(Fixture.directory("gemma4_text"), ModelOptions.of(Task.CAUSAL_LM));
                Trainable trainable = Trainable.create(
                        model, null, TrainConfig.builder(Method.FULL).build())) {
            model.weights()
                    .asMap()
                    .forEach((name, weight) ->
                            assertEquals(!name.endsWith(".layer_scalar"), weight.requires_grad(), name));
            double[] scales = Tensors.toDoubles(model.weights().get("model.layers.0.layer_scalar"));
            assertTrue(scales[0] != 1);
        }
    }

    private JsonObject write(String text) throws IOException {
        Path file = folder.resolve("config.json");
        Files.writeString(file, text);
        return Json.read(file);
    }
}
