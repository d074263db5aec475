package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.model.TowerFiles.LANGUAGE_MODEL;
import static org.loft4j.model.TowerFiles.fault;
import static org.loft4j.model.TowerFiles.logits;
import static org.loft4j.model.TowerFiles.text;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.io.InnerNames;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.QwenTower;
import org.loft4j.model.qwen2.Qwen2Config;
import org.loft4j.model.qwen3.Qwen3Config;
import org.loft4j.model.qwen35.Qwen35Config;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The language models of Qwen that lie in one with a vision tower. */
class QwenTowerTest {
    @TempDir
    Path folder;

    /** Files of Qwen2.5-VL name the language model as a model of its own; config.json has its settings beside the tower's, or apart. */
    @Test
    void theNamesAndSettingsOfBothGenerationsOfQwenAreRead() throws IOException {
        Path newer = copy("qwen2_5_vl", QwenTowerTest::apart, InnerNames::inside, Dtype.F32);
        Path second = copy("qwen2_5_vl", json -> json.put("model_type", "qwen2_vl"), each -> each, Dtype.F32);
        Path bare = copy(
                "qwen2_5_vl", json -> {}, each -> InnerNames.inside(each).replaceFirst("^model\\.", ""), Dtype.F32);
        Path text = copy("qwen2_5_vl", json -> {}, each -> each.replaceFirst("^model\\.", ""), Dtype.F32);
        Path alone = copy("qwen3_vl", json -> {}, InnerNames::alone, Dtype.F32);
        try (NativeScope scope = new NativeScope();
                Logged warnings = new Logged(ParameterReader.class);
                Logged settings = new Logged(ConfigKeys.class);
                Model hub = Models.open(Fixture.directory("qwen2_5_vl"), LANGUAGE_MODEL);
                Model third = Models.open(Fixture.directory("qwen3_vl"), LANGUAGE_MODEL);
                Model ofAlone = Models.open(alone, LANGUAGE_MODEL)) {
            for (Path each : List.of(newer, second, bare, text)) {
                try (Model model = Models.open(each, LANGUAGE_MODEL)) {
                    assertTrue(Tensors.bitEqual(logits(hub), logits(model)), each.toString());
                    assertEquals(
                            hub.weights().asMap().keySet(),
                            model.weights().asMap().keySet());
                }
            }
            assertTrue(Tensors.bitEqual(logits(third), logits(ofAlone)));
            try (Model model = Models.open(newer, LANGUAGE_MODEL)) {
                TrainedConfig.alone(model, -1).write(folder);
            }
            JsonObject trained = Json.read(folder.resolve("config.json"));
            assertEquals(List.of("Qwen2ForCausalLM"), trained.strings("architectures"));
            assertFalse(trained.has("vision_start_token_id"));
            assertEquals(List.of(), warnings.messages());
            assertEquals(List.of(), settings.messages());
        }
    }

    /** What Transformers 5 makes of the settings of an older file. */
    private static void apart(ObjectNode json) {
        ObjectNode text = json.objectNode();
        for (String key : List.of(
                "attention_dropout",
                "hidden_act",
                "hidden_size",
                "intermediate_size",
                "max_position_embeddings",
                "max_window_layers",
                "num_attention_heads",
                "num_hidden_layers",
                "num_key_value_heads",
                "rms_norm_eps",
                "sliding_window",
                "use_sliding_window",
                "vocab_size")) {
            text.set(key, json.remove(key));
        }
        json.remove(List.of("rope_scaling", "rope_theta"));
        text.put("model_type", "qwen2_5_vl_text")
                .putObject("rope_parameters")
                .put("rope_type", "default")
                .put("type", "default")
                .put("rope_theta", 1e6)
                .putArray("mrope_section")
                .add(1)
                .add(2)
                .add(1);
        // 4.52 to 4.57 write the class there, and repeat settings
        text.putArray("architectures").add("Qwen2_5_VLForConditionalGeneration");
        text.put("vision_start_token_id", 252);
        json.set("hidden_size", text.get("hidden_size"));
        json.set("text_config", text);
    }

    /** What a config.json leaves out is what the class with the tower assumes, and is said in that of the language model alone. */
    @Test
    void whatQwensVisionModelsAssumeIsSaid() throws IOException {
        String sizes = "\"hidden_size\": 64, \"num_attention_heads\": 32, \"num_hidden_layers\": 2,"
                + " \"intermediate_size\": 32, \"vocab_size\": 9";
        Qwen2Config second = Qwen2Config.from(config("{\"model_type\": \"qwen2_5_vl\", " + sizes + "}"));
        assertEquals(8, second.sizes().keyValueHeads());
        assertEquals(1e-5, second.sizes().rmsNormEps());
        assertEquals(1e6, second.rope().theta());
        JsonObject config = config(
                "{\"model_type\": \"qwen3_vl\", \"tie_word_embeddings\": true, \"text_config\": {" + sizes
                        + ", \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 2.0, \"mrope_section\": [4, 2, 2]}}}");
        Qwen3Config third = Qwen3Config.from(config);
        assertTrue(third.sizes().tieWordEmbeddings(), "a silent inner one goes by the outer one");
        assertEquals(128, third.sizes().headDim());
        assertEquals(5e5, third.rope().theta());
        assertEquals(128000, third.sizes().maxPositions());
        assertEquals(
                third, Qwen3Config.from(config(QwenTower.alone(config).toTree().toString())));
        Path two = copy("qwen3_vl", json -> json.put("tie_word_embeddings", false), each -> each, Dtype.F32);
        assertTrue(fault(two).contains("\"tie_word_embeddings\" is false, and true in text_config"), fault(two));
        Path other = copy("qwen3_vl", json -> text(json).put("model_type", "qwen3"), each -> each, Dtype.F32);
        assertTrue(
                fault(other).contains("\"text_config.model_type\" must be qwen3_vl_text, found qwen3"), fault(other));
    }

    /** Of a checkpoint, of the base class, and of the language model alone, with the classes' names for each task. */
    @Test
    void qwensLanguageModelIsFoundUnderEachSpelling() throws IOException {
        Path alone = copy("qwen3_5", json -> {}, InnerNames::alone, Dtype.F32);
        Path base = copy("qwen3_5", json -> {}, each -> each.replaceFirst("^model\\.", ""), Dtype.F32);
        try (NativeScope scope = new NativeScope();
                Logged warnings = new Logged(ParameterReader.class);
                Logged told = new Logged(DecoderAssembly.class);
                Model hub = Models.open(Fixture.directory("qwen3_5"), LANGUAGE_MODEL)) {
            for (Path each : List.of(alone, base)) {
                try (Model model = Models.open(each, LANGUAGE_MODEL)) {
                    assertTrue(Tensors.bitEqual(logits(hub), logits(model)));
                    assertEquals(
                            hub.weights().asMap().keySet(),
                            model.weights().asMap().keySet());
                }
            }
            try (Model vectors = Models.open(base, ModelOptions.of(Task.SENTENCE_EMBEDDING))) {
                assertTrue(vectors.weights().asMap().keySet().stream()
                        .allMatch(name -> name.startsWith("language_model.")));
            }
            assertTrue(hub.weights().asMap().keySet().stream()
                    .allMatch(name -> name.startsWith("model.layers.")
                            || name.equals("model.embed_tokens.weight")
                            || name.equals("model.norm.weight")));
            assertEquals(List.of(), warnings.messages());
            assertTrue(told.messages()
                    .get(0)
                    .endsWith(
                            "21 tensors of the vision tower and 3 tensors that predict further tokens at once (mtp) stay"
                                    + " on the disk"));
        }
    }

    /** What a config.json leaves out, and what it says of the axes of images. */
    @Test
    void qwensSettingsAreThoseOfTransformers() throws IOException {
        Qwen35Config config = Qwen35Config.from(config("""
                {"model_type": "qwen3_5", "tie_word_embeddings": true, "text_config": {"num_hidden_layers": 8, "vision": false}}
                """));
        assertEquals(4096, config.sizes().hiddenSize());
        assertTrue(config.sizes().tieWordEmbeddings(), "a silent inner one goes by the outer one");
        assertEquals(64, config.rope().dim());
        assertEquals(10000, config.rope().theta());
        assertEquals(16, config.linear().keyHeads());
        assertEquals(32, config.linear().valueHeads());
        for (int i = 0; i < 8; i++) {
            assertEquals(i % 4 != 3, config.linear().at().test(i));
        }
        Path two = copy("qwen3_5", json -> json.put("tie_word_embeddings", false), each -> each, Dtype.F32);
        assertTrue(fault(two).contains("tie_word_embeddings"), fault(two));
        Path apart = copy("qwen3_5", json -> text(json).put("tie_word_embeddings", false), each -> each, Dtype.F32);
        assertTrue(fault(apart).contains("tie_word_embeddings"), fault(apart));
        Path ungated = copy("qwen3_5", json -> text(json).put("attn_output_gate", false), each -> each, Dtype.F32);
        assertTrue(assertThrows(ConfigException.class, () -> Models.open(ungated, LANGUAGE_MODEL))
                .getMessage()
                .contains("attn_output_gate must be true"));
        Path heads = copy("qwen3_5", json -> text(json).put("linear_num_value_heads", 3), each -> each, Dtype.F32);
        assertTrue(assertThrows(ConfigException.class, () -> Models.open(heads, LANGUAGE_MODEL))
                .getMessage()
                .contains("linear_num_value_heads must be a multiple of linear_num_key_heads"));
        Path sliding = copy(
                "qwen3_5",
                json -> ((ArrayNode) text(json).get("layer_types")).set(0, "sliding_attention"),
                each -> each,
                Dtype.F32);
        assertTrue(fault(sliding).contains("may hold linear_attention and full_attention only"), fault(sliding));
    }

    private Path copy(String name, Consumer<ObjectNode> change, UnaryOperator<String> rename, Dtype dtype)
            throws IOException {
        return TowerFiles.copy(folder, name, change, rename, dtype);
    }

    private JsonObject config(String text) throws IOException {
        return TowerFiles.config(folder, text);
    }
}
