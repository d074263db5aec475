package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.model.TowerFiles.LANGUAGE_MODEL;
import static org.loft4j.model.TowerFiles.fault;
import static org.loft4j.model.TowerFiles.logits;
import static org.loft4j.model.TowerFiles.text;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.io.InnerNames;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.ParameterReader;
import org.loft4j.model.gemma3.Gemma3Config;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.DecoderAssembly;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.RopeScaling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Language models that lie in one with a vision tower. */
class VisionTowerTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"gemma3", "gemma4", "mistral3"})
    void theNamesOfBothGenerationsAreRead(String name) throws IOException {
        Path newer = copy(name, json -> {}, InnerNames::today, Dtype.F32);
        try (NativeScope scope = new NativeScope();
                Logged warnings = new Logged(ParameterReader.class);
                Logged told = new Logged(DecoderAssembly.class);
                Model older = Models.open(Fixture.directory(name), LANGUAGE_MODEL);
                Model model = Models.open(newer, LANGUAGE_MODEL)) {
            assertTrue(Tensors.bitEqual(logits(older), logits(model)));
            assertTrue(model.weights().asMap().keySet().stream()
                    .allMatch(each -> each.startsWith("model.language_model.") || each.equals("lm_head.weight")));
            assertEquals(List.of(), warnings.messages());
            assertEquals(2, told.messages().size(), told.messages().toString());
            assertTrue(told.messages().get(0).contains("tensors of the vision tower stay on the disk"));
        }
    }

    /** A file of the base class, Gemma3Model. */
    @Test
    void theNamesOfTheBaseClassAreRead() throws IOException {
        Path base = copy("gemma3", json -> {}, each -> InnerNames.today(each).replaceFirst("^model\\.", ""), Dtype.F32);
        try (NativeScope scope = new NativeScope();
                Model whole = Models.open(Fixture.directory("gemma3"), LANGUAGE_MODEL);
                Model model = Models.open(base, LANGUAGE_MODEL);
                Model vectors = Models.open(base, ModelOptions.of(Task.SENTENCE_EMBEDDING))) {
            assertTrue(Tensors.bitEqual(logits(whole), logits(model)));
            assertTrue(
                    vectors.weights().asMap().keySet().stream().allMatch(each -> each.startsWith("language_model.")));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "gemma3, false",
        "gemma3, true",
        "llama4, false",
        "mistral3, false",
        "qwen2_5_vl, false",
        "qwen3_5, true"
    })
    void anOutlineHasTheDtypeOfTheFile(String name, boolean newer) throws IOException {
        Path half = copy(name, json -> {}, newer ? InnerNames::today : each -> each, Dtype.BF16);
        try (Model outline = Models.outline(half, LANGUAGE_MODEL);
                Model model = Models.open(half, LANGUAGE_MODEL)) {
            assertEquals(Dtype.BF16, outline.description().dtype());
            assertEquals(model.weights().bytes(), outline.weights().bytes());
        }
    }

    /** gemma-3-4b-it's config.json has these keys and no others. */
    @Test
    void whatATextConfigLeavesOutIsAsInTransformers() throws IOException {
        JsonObject json = config("""
                {"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "eos_token_id": [1, 106],
                 "boi_token_index": 255999, "eoi_token_index": 256000, "image_token_index": 262144, "mm_tokens_per_image": 256,
                 "initializer_range": 0.02, "torch_dtype": "bfloat16", "vision_config": {"hidden_size": 1152},
                 "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                  "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024}}
                """);
        Gemma3Config config = Gemma3Config.from(json);
        assertEquals(262208, config.sizes().vocabularySize());
        assertEquals(8, config.sizes().heads());
        assertEquals(4, config.sizes().keyValueHeads());
        assertEquals(256, config.sizes().headDim());
        assertEquals(34, config.sizes().layers());
        assertEquals(0, config.sizes().padTokenId());
        assertEquals(256, config.queryPreAttnScalar());
        assertTrue(config.sizes().tieWordEmbeddings());
        assertEquals(131072, Gemma3Config.maxPositions(json));
        for (int i = 0; i < 34; i++) {
            DecoderAssembly.Placement placement = config.placement().get(i);
            boolean full = (i + 1) % 6 == 0;
            assertEquals(full ? 0 : 1024, placement.window());
            assertEquals(full ? 1e6 : 1e4, placement.rope().theta());
            assertEquals(
                    full ? new RopeScaling.Linear(8) : new RopeScaling.None(),
                    placement.rope().scaling());
        }
    }

    @Test
    void whatTheTwoPartsOfAConfigurationContradictIsRefused() throws IOException {
        Path softcap = copy("gemma3", json -> text(json).put("final_logit_softcapping", 30.0), each -> each, Dtype.F32);
        assertTrue(fault(softcap).contains("text_config.final_logit_softcapping"), fault(softcap));
        Path untied = copy("gemma3", json -> json.put("tie_word_embeddings", false), each -> each, Dtype.F32);
        assertTrue(fault(untied).contains("tie_word_embeddings"), fault(untied));
        Path missing = copy("mistral3", json -> json.remove("text_config"), each -> each, Dtype.F32);
        assertTrue(fault(missing).contains("\"text_config\" must be an object"), fault(missing));
        Path both =
                copy("gemma3", json -> text(json).put("use_bidirectional_attention", true), each -> each, Dtype.F32);
        assertThrows(ConfigException.class, () -> Models.open(both, LANGUAGE_MODEL));
        Path other = copy("mistral3", json -> text(json).put("model_type", "qwen2"), each -> each, Dtype.F32);
        String message = assertThrows(ConfigException.class, () -> Models.open(other, LANGUAGE_MODEL))
                .getMessage();
        assertTrue(message.contains("model_type must be mistral or ministral3, got \"qwen2\""), message);
    }

    /** Before its weights are downloaded. */
    @Test
    void anotherLanguageModelIsRefusedByTheConfigurationAlone() throws IOException {
        Path other = copy("mistral3", json -> text(json).put("model_type", "qwen2"), each -> each, Dtype.F32);
        Files.delete(other.resolve("model.safetensors"));
        assertThrows(ConfigException.class, () -> Models.requireKnown(other));
        Models.requireKnown(Fixture.directory("mistral3"));
        Models.requireKnown(Fixture.directory("gemma3"));
    }

    /** A setting that nobody knows is told once, however often the file is looked at. */
    @Test
    void whatIsNotHonouredIsSaidOnce() throws IOException {
        Path odd = copy("gemma3", json -> json.put("new_setting", 3), each -> each, Dtype.F32);
        try (Logged warnings = new Logged(ConfigKeys.class);
                Model model = Models.open(odd, LANGUAGE_MODEL)) {
            Models.maxPositions(odd);
            Models.requireKnown(odd);
            assertEquals(1, warnings.messages().size(), warnings.messages().toString());
        }
    }

    /** Ministral 3's rotation is refused without what its queries grow by. */
    @Test
    void whatTheQueriesOfMinistral3GrowByMustBeStated() throws IOException {
        Path lacking = copy(
                "mistral3_ministral3",
                json -> ((ObjectNode) text(json).get("rope_parameters")).remove("llama_4_scaling_beta"),
                each -> each,
                Dtype.F32);
        assertTrue(fault(lacking).contains("llama_4_scaling_beta"), fault(lacking));
        Path none = copy("mistral3_ministral3", json -> text(json).remove("rope_parameters"), each -> each, Dtype.F32);
        assertTrue(fault(none).contains("rope_parameters"), fault(none));
    }

    /** As Transformers 5 writes a Mistral 3, whose parts have defaults of their own; the file has two embeddings. */
    @Test
    void anOuterConfigurationThatTiesDoesNotTieWhatTheInnerOneKeepsApart() throws IOException {
        Path tied = copy(
                "mistral3",
                json -> {
                    json.put("tie_word_embeddings", true);
                    text(json).put("tie_word_embeddings", false);
                },
                each -> each,
                Dtype.F32);
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(tied, LANGUAGE_MODEL);
                Model before = Models.open(Fixture.directory("mistral3"), LANGUAGE_MODEL)) {
            assertTrue(Tensors.bitEqual(logits(before), logits(model)));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "gemma3, CAUSAL_LM, gemma3_text, Gemma3ForCausalLM",
        "gemma3, SEQUENCE_CLASSIFICATION, gemma3_text, Gemma3TextForSequenceClassification",
        "gemma3_cls, SENTENCE_EMBEDDING, gemma3_text, Gemma3TextModel",
        "mistral3, CAUSAL_LM, mistral, MistralForCausalLM",
        "qwen2_5_vl, CAUSAL_LM, qwen2, Qwen2ForCausalLM",
        "qwen3_vl, CAUSAL_LM, qwen3, Qwen3ForCausalLM",
        "qwen3_vl, TOKEN_CLASSIFICATION, qwen3, Qwen3ForTokenClassification",
        "qwen3_5, CAUSAL_LM, qwen3_5_text, Qwen3_5ForCausalLM",
        "qwen3_5, SEQUENCE_CLASSIFICATION, qwen3_5_text, Qwen3_5TextForSequenceClassification",
        "qwen3_5_cls, SENTENCE_EMBEDDING, qwen3_5_text, Qwen3_5TextModel",
        "qwen3_5_moe, CAUSAL_LM, qwen3_5_moe_text, Qwen3_5MoeForCausalLM",
        "qwen3_5_moe, SENTENCE_EMBEDDING, qwen3_5_moe_text, Qwen3_5MoeTextModel",
        "mistral3_ministral3, CAUSAL_LM, ministral3, Ministral3ForCausalLM",
        "mistral3_ministral3, SENTENCE_EMBEDDING, ministral3, Ministral3Model",
    })
    void whatIsTrainedInFullIsALanguageModelOfItsOwn(String name, Task task, String family, String expected)
            throws IOException {
        ModelOptions options = ModelOptions.of(task);
        try (Model model = Models.initialise(
                Fixture.directory(name),
                task.isClassification() ? options.withLabels(List.of("a", "b", "c")) : options)) {
            TrainedConfig.alone(model, -1).write(folder);
        }
        JsonObject json = Json.read(folder.resolve("config.json"));
        assertEquals(family, json.requireString("model_type"));
        assertEquals(List.of(expected), json.strings("architectures"));
        assertFalse(json.has("vision_config"));
        assertFalse(json.has("text_config"));
        assertEquals(32, json.requireInt("hidden_size", 1));
        if (family.equals("gemma3_text")) {
            assertEquals("[1,6]", String.valueOf(json.node("eos_token_id")));
            assertEquals(8, json.requireInt("num_attention_heads", 1));
        }
        try (Model again = Models.initialise(folder, ModelOptions.of(task))) {
            assertEquals(family, again.description().family());
        }
    }

    @Test
    void theTypeOfAWholeModelIsSaidInItsPartsToo() throws IOException {
        Path from = copy("gemma3", json -> text(json).put("dtype", "float32"), each -> each, Dtype.F32);
        try (Model model = Models.open(from, LANGUAGE_MODEL)) {
            TrainedConfig.of(model, Dtype.BF16, 3).write(folder);
        }
        JsonObject json = Json.read(folder.resolve("config.json"));
        assertEquals("bfloat16", json.requireString("torch_dtype"));
        assertEquals("bfloat16", json.requireObject("text_config").requireString("dtype"));
        assertFalse(json.has("pad_token_id"), "classifiers look into the inner one");
        assertEquals(3, json.requireObject("text_config").requireLong("pad_token_id"));
        assertTrue(json.has("vision_config"));
    }

    private Path copy(String name, Consumer<ObjectNode> change, UnaryOperator<String> rename, Dtype dtype)
            throws IOException {
        return TowerFiles.copy(folder, name, change, rename, dtype);
    }

    private JsonObject config(String text) throws IOException {
        return TowerFiles.config(folder, text);
    }
}
