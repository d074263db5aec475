package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A model's directory, opened, outlined and checked: what config.json and the weights have to be, and what is refused. */
class ModelsTest {
    private static final Path BERT = Fixture.directory("bert_cls");
    private static final Path LLAMA = Fixture.directory("llama_gqa");
    private static final ModelOptions CLASSIFIER = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);
    private static final ModelOptions LANGUAGE_MODEL = ModelOptions.of(Task.CAUSAL_LM);

    @TempDir
    Path folder;

    @Test
    void theDirectorySaysWhatItsModelIsFor() throws Exception {
        assertEquals(Task.SEQUENCE_CLASSIFICATION, Models.defaultTask(BERT));
        assertEquals(Task.CAUSAL_LM, Models.defaultTask(LLAMA));
        assertEquals(List.of("LABEL_0", "LABEL_1", "LABEL_2"), Models.labels(BERT));
        try (Model model = Models.open(BERT, CLASSIFIER.withLabels(List.of("a", "b", "c")))) {
            assertEquals(List.of("a", "b", "c"), model.description().labels());
            assertEquals(BERT, model.description().directory());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bert_cls",
                "llama_gqa",
                "gpt2",
                "vit_cls",
                "dinov2",
                "distilbert_cls",
                "modernbert_cls",
                "electra_cls",
                "albert_cls"
            })
    void theHiddenSizeIsKnownWithoutWeights(String name) throws Exception {
        Path config = Files.copy(Fixture.directory(name).resolve("config.json"), folder.resolve("config.json"));
        try (Model model =
                Models.open(Fixture.directory(name), ModelOptions.of(Models.defaultTask(Fixture.directory(name))))) {
            assertEquals(model.description().hiddenSize(), Models.hiddenSize(config.getParent()));
        }
    }

    @Test
    void anAdapterIsNoModelNorIsAnyFolder() throws Exception {
        String none = assertThrows(CheckpointException.class, () -> Models.open(folder, CLASSIFIER))
                .getMessage();
        assertTrue(none.startsWith(folder + ": holds no model: a model's directory has config.json, "), none);
        Files.writeString(folder.resolve("adapter_config.json"), "{}");
        String fault = assertThrows(CheckpointException.class, () -> Models.open(folder, CLASSIFIER))
                .getMessage();
        assertTrue(fault.contains(folder + ": holds an adapter and no model"), fault);
    }

    @Test
    void aTaskThatTheFamilyLacksIsRefused() {
        ConfigException fault = assertThrows(ConfigException.class, () -> Models.open(BERT, LANGUAGE_MODEL));
        assertTrue(fault.getMessage().startsWith("task causal-lm is not available for model_type bert"));
        assertThrows(ConfigException.class, () -> Models.open(LLAMA, ModelOptions.of(Task.IMAGE_CLASSIFICATION)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "llama | model_type | \"mamba\"",
                "llama | hidden_act | \"quick_gelu\"",
                "llama | rope_scaling | {\"type\": \"linear\", \"factor\": 2.0, \"beta_fast\": 1}",
                "llama | rope_type | {\"rope_type\": \"ntk\", \"rope_theta\": 10000.0}",
                "llama | rope_interleaved | true",
                "llama | quantization_config | {\"quant_method\": \"gptq\", \"bits\": 4}",
                "llama | num_key_value_heads | 3",
                "bert | position_embedding_type | \"relative_key\"",
                "bert | problem_type | \"regression\"",
                "bert | problem_type | \"ranking\"",
                "bert | is_decoder | true",
                "bert | classifier_pooling | \"max\"",
                "bert | hidden_dropout_prob | 1.5",
            })
    void aValueThatCannotBeHonouredIsRefusedByItsKey(String family, String key, String value) throws Exception {
        boolean llama = family.equals("llama");
        String at = key.equals("rope_type") ? "rope_scaling" : key;
        Path changed = copy(
                llama ? LLAMA : BERT, json -> json.putPOJO(at, CheckpointCopy.value(value)), name -> name, Dtype.F32);
        ConfigException fault =
                assertThrows(ConfigException.class, () -> Models.open(changed, llama ? LANGUAGE_MODEL : CLASSIFIER));
        assertTrue(fault.getMessage().contains(key), fault.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "stablelm | hidden_dropout | 0.1 | hidden_dropout must be 0",
                "stablelm | head_dim | 4 | head_dim must be hidden_size / num_attention_heads",
            })
    void whatAStableLmIsNotIsRefusedByItsKey(String fixture, String key, String value, String fault) throws Exception {
        Path changed = copy(
                Fixture.directory(fixture),
                json -> json.putPOJO(key, CheckpointCopy.value(value)),
                name -> name,
                Dtype.F32);
        Exception refused = assertThrows(Exception.class, () -> Models.open(changed, LANGUAGE_MODEL));
        assertTrue(refused.getMessage().contains(fault), refused.getMessage());
    }

    static Stream<String> decoders() {
        return Stream.of(
                "gemma2_cap",
                "gemma3_text",
                "gpt2",
                "llama_gqa",
                "mistral_sw",
                "phi3_longrope_short",
                "qwen2",
                "qwen3",
                "smollm3_sliding",
                "granite",
                "granitemoehybrid",
                "granitemoehybrid_nope",
                "granitemoehybrid_h",
                "granitemoehybrid_h_groups",
                "granitemoehybrid_moe",
                "granitemoe",
                "deepseek_v3",
                "deepseek_v3_plain",
                "glm4_moe_lite",
                "glm4_moe",
                "deepseek_v2",
                "qwen2_moe",
                "stablelm",
                "stablelm_parallel",
                "glm4",
                "cohere",
                "cohere2",
                "seed_oss",
                "ernie4_5",
                "exaone4",
                "lfm2",
                "lfm2_bias",
                "gpt_neox",
                "opt",
                "opt_post",
                "phi",
                "gemma",
                "starcoder2",
                "olmo2",
                "olmo3_yarn",
                "gemma3",
                "gemma4",
                "gemma4_text",
                "gemma4_moe",
                "llama4",
                "llama4_text",
                "mistral3",
                "qwen2_5_vl",
                "qwen3_vl",
                "qwen3_5",
                "qwen3_5_text",
                "qwen3_5_moe",
                "qwen3_5_moe_text",
                "qwen3_next",
                "qwen3_moe",
                "mixtral_sw",
                "olmoe",
                "gpt_oss");
    }

    static Stream<String> families() {
        return Stream.concat(
                decoders(),
                Stream.of(
                        "bert_cls",
                        "bert_tok",
                        "deberta_v2_cls_conv",
                        "deberta_v3_tok",
                        "distilbert_cls",
                        "electra_cls",
                        "electra_tok",
                        "albert_cls",
                        "albert_tok",
                        "modernbert_cls",
                        "modernbert_tok",
                        "mpnet_cls",
                        "mpnet_tok",
                        "roberta_cls",
                        "vit_cls",
                        "deit",
                        "dinov2",
                        "dinov2_registers"));
    }

    @ParameterizedTest
    @MethodSource("decoders")
    void aDecoderWhoseTokensSeeThoseBehindThemIsRefused(String name) throws Exception {
        Path base = Fixture.directory(name);
        Path embedder = copy(base, json -> json.put("is_causal", false), tensor -> tensor, Dtype.F32);
        Path both = copy(base, json -> json.put("use_bidirectional_attention", true), tensor -> tensor, Dtype.F32);
        Path causal = copy(base, json -> json.put("is_causal", true), tensor -> tensor, Dtype.F32);
        ConfigException fault = assertThrows(ConfigException.class, () -> Models.open(embedder, LANGUAGE_MODEL));
        assertTrue(fault.getMessage().startsWith("is_causal must be true, got false in"), fault.getMessage());
        fault = assertThrows(ConfigException.class, () -> Models.open(both, LANGUAGE_MODEL));
        assertTrue(
                fault.getMessage()
                        .matches(
                                "use_bidirectional_attention (must be false( or vision)?, got true in|is true: a model whose) .*"),
                fault.getMessage());
        try (Logged log = new Logged(ConfigKeys.class);
                Model model = Models.open(causal, LANGUAGE_MODEL)) {
            assertEquals(List.of(), log.messages());
        }
    }

    @Test
    void plainRotaryParametersOfNewerFilesAreRead() throws Exception {
        Path newer = copy(
                LLAMA,
                json -> {
                    json.remove("rope_theta");
                    json.putPOJO(
                            "rope_parameters",
                            CheckpointCopy.value("{\"rope_type\": \"default\", \"rope_theta\": 10000.0}"));
                },
                name -> name.startsWith("model.") ? name.substring("model.".length()) : name,
                Dtype.F32);
        assertArrayEquals(llamaLogits(LLAMA), llamaLogits(newer));
    }

    @Test
    void theFilesDtypeIsKeptUnlessAnotherIsAskedFor() throws Exception {
        Path half = copy(LLAMA, json -> {}, name -> name, Dtype.BF16);
        try (Model model = Models.open(half, LANGUAGE_MODEL);
                Model wide = Models.open(half, LANGUAGE_MODEL.withDtype(Dtype.F32))) {
            assertEquals(Dtype.BF16, model.description().dtype());
            assertEquals(Dtype.F32, wide.description().dtype());
        }
        double[] expected = llamaLogits(LLAMA);
        assertArrayEquals(expected, llamaLogits(half), 0.2);
    }

    /** Old files of GPT-2 begin with a mask. */
    @Test
    void anOutlineHasTheDtypeOfTheParametersAndNotThatOfABuffer() throws Exception {
        String prefix = "transformer.";
        Path half = copy(Fixture.directory("gpt2"), json -> {}, name -> name.substring(prefix.length()), Dtype.BF16);
        try (NativeScope scope = new NativeScope();
                ModelDirectory source = ModelDirectory.open(half)) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : source.names()) {
                tensors.put(name, source.read(name));
            }
            tensors.put("h.0.attn.bias", Tensors.zeros(Dtype.U8, DeviceSpec.CPU, 1, 1, 8, 8));
            tensors.put("h.0.attn.masked_bias", Tensors.of(new float[] {-1e4f}, 1));
            SafetensorsWriter.write(half.resolve("model.safetensors"), tensors, Map.of());
        }
        try (Model outline = Models.outline(half, LANGUAGE_MODEL);
                Model model = Models.open(half, LANGUAGE_MODEL)) {
            assertEquals(Dtype.BF16, outline.description().dtype());
            assertEquals(model.weights().bytes(), outline.weights().bytes());
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void theWeightsOfEveryFamilyAreComparedWithItsConfigWithoutTheirNumbers(String name) throws Exception {
        Models.check(Fixture.directory(name));
        Path fewer = copy(Fixture.directory(name), json -> {}, tensor -> tensor, Dtype.F32);
        ObjectNode json = Json.read(fewer.resolve("config.json")).toTree();
        String layers = Stream.of("n_layer", "n_layers", "num_hidden_groups")
                .filter(json::has)
                .findFirst()
                .orElse("num_hidden_layers");
        ObjectNode sizes = json.path("text_config") instanceof ObjectNode text ? text : json;
        sizes.put(layers, sizes.get(layers).asInt() + 1);
        sizes.remove(List.of("layer_types", "no_rope_layers", "per_layer_config", "num_kv_shared_layers"));
        Json.write(fewer.resolve("config.json"), json);
        String fault = assertThrows(CheckpointException.class, () -> Models.check(fewer))
                .getMessage();
        assertTrue(fault.contains("tensors that config.json asks for are missing"), fault);
    }

    @Test
    void aCheckTellsWhatIsUnknownFromWhatIsDamaged() throws Exception {
        Path unknown = copy(LLAMA, json -> json.put("model_type", "mamba"), name -> name, Dtype.F32);
        assertEquals(
                "model_type mamba is unknown to loft4j",
                assertThrows(ConfigException.class, () -> Models.check(unknown)).getMessage());
        Path setting = copy(LLAMA, json -> json.put("hidden_act", "quick_gelu"), name -> name, Dtype.F32);
        assertThrows(ConfigException.class, () -> Models.check(setting));
        Path nameless = copy(LLAMA, json -> json.remove("model_type"), name -> name, Dtype.F32);
        assertThrows(ConfigException.class, () -> Models.check(nameless));
        Path wide = copy(LLAMA, json -> json.put("intermediate_size", 256), name -> name, Dtype.F32);
        String shape = assertThrows(CheckpointException.class, () -> Models.check(wide))
                .getMessage();
        assertTrue(shape.contains("must have shape (256, 64) by config.json, got (128, 64)"), shape);
    }

    @Test
    void missingAndMisshapenTensorsAreNamed() throws Exception {
        Path gap = copy(LLAMA, json -> {}, name -> name.endsWith("up_proj.weight") ? "other." + name : name, Dtype.F32);
        CheckpointException missing = assertThrows(CheckpointException.class, () -> Models.open(gap, LANGUAGE_MODEL));
        assertTrue(missing.getMessage().contains("2 of the 21 tensors"), missing.getMessage());
        assertTrue(missing.getMessage().contains("model.layers.1.mlp.up_proj.weight"), missing.getMessage());

        Path wide = copy(LLAMA, json -> json.put("intermediate_size", 256), name -> name, Dtype.F32);
        CheckpointException shape = assertThrows(CheckpointException.class, () -> Models.open(wide, LANGUAGE_MODEL));
        assertTrue(
                shape.getMessage().contains("gate_proj.weight must have shape (256, 64) by config.json, got (128, 64)"),
                shape.getMessage());
    }

    @Test
    void aBaseModelsFileWithoutPrefixAndHeadsLoads() throws Exception {
        Path base = copy(
                BERT,
                json -> {},
                name -> name.startsWith("bert.pooler") || name.startsWith("classifier")
                        ? null
                        : name.substring("bert.".length()).replace("LayerNorm.weight", "LayerNorm.gamma"),
                Dtype.F32);
        try (NativeScope scope = new NativeScope();
                Model whole = Models.open(BERT, CLASSIFIER);
                Model bare = Models.open(
                        base, CLASSIFIER.withLabels(List.of("no", "yes")).withSeed(7));
                Model again = Models.open(
                        base, CLASSIFIER.withLabels(List.of("no", "yes")).withSeed(7))) {
            TokenInput input = new TokenInput(Tensors.of(new long[] {5, 6, 7}, 1, 3), null);
            assertEquals(Pooling.MEAN, bare.description().pooling());
            assertTrue(Tensors.bitEqual(whole.hiddenStates(input), bare.hiddenStates(input)));
            assertEquals(2, bare.logits(input).size(1));
            assertTrue(Tensors.bitEqual(bare.logits(input), again.logits(input)));
        }
    }

    /** 3.3 is 3.296875 in bfloat16; Gemma's scale is rounded so, Granite's is not. */
    @Test
    void granitesEmbeddingsAreScaledByTheNumberItself() throws Exception {
        Path granite = Fixture.directory("granite");
        Path exact = copy(granite, json -> json.put("embedding_multiplier", 3.3), name -> name, Dtype.BF16);
        Path rounded = copy(granite, json -> json.put("embedding_multiplier", 3.296875), name -> name, Dtype.BF16);
        assertFalse(Arrays.equals(llamaLogits(exact), llamaLogits(rounded)));
    }

    private static double[] llamaLogits(Path directory) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(directory, LANGUAGE_MODEL)) {
            Tensor ids = Tensors.of(new long[] {1, 5, 9, 13}, 1, 4);
            return Tensors.toDoubles(model.logits(new TokenInput(ids, null)));
        }
    }

    private Path copy(Path from, Consumer<ObjectNode> change, UnaryOperator<String> rename, Dtype dtype)
            throws IOException {
        return CheckpointCopy.of(folder, from, change, rename, dtype);
    }
}
