package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Adapters on the language model of one with a vision tower. */
class InnerTensorsTest {
    private static final PeftMetadata BASE = new PeftMetadata("org/base", null);
    private static final String TOWER =
            "base_model.model.model.vision_tower.vision_model.encoder.layers.0.self_attn.q_proj";

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({
        "gemma3, base_model.model.model.language_model.layers.1.mlp.down_proj",
        "gemma3_cls, base_model.model.model.language_model.layers.1.mlp.down_proj",
        "gemma4, base_model.model.model.language_model.per_layer_model_projection",
        "gemma4_moe, base_model.model.model.language_model.layers.2.mlp.down_proj",
        "llama4, base_model.model.model.layers.0.feed_forward.shared_expert.gate_proj",
        "llama4_text, base_model.model.model.layers.0.feed_forward.up_proj",
        "mistral3, base_model.model.model.language_model.layers.1.mlp.down_proj",
        "qwen2_5_vl, base_model.model.model.language_model.layers.1.mlp.down_proj",
        "qwen3_vl, base_model.model.model.language_model.layers.1.mlp.down_proj",
        "qwen3_5, base_model.model.model.layers.0.linear_attn.in_proj_qkv",
        "qwen3_5_moe, base_model.model.model.layers.0.mlp.shared_expert_gate",
        "qwen3_5_moe_text, base_model.model.model.layers.0.mlp.shared_expert.down_proj",
        "qwen3_next, base_model.model.model.layers.0.linear_attn.in_proj_qkvz",
        "qwen3_next, base_model.model.model.layers.1.mlp.experts.5.down_proj",
        "qwen3_5_cls, base_model.model.model.language_model.layers.0.linear_attn.in_proj_a",
    })
    void theFilesHaveTheNamesOfTransformersClass(String fixture, String module) throws IOException {
        save(fixture, LoraConfig.of(2, 4, TargetModules.allLinear()));
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve(PeftFiles.WEIGHTS))) {
            assertTrue(
                    file.names().contains(module + ".lora_A.weight"),
                    file.names().toString());
            assertTrue(file.names().stream().noneMatch(name -> name.contains("vision")));
        }
    }

    /** PEFT would adapt the tower's layers of the same names, and warn of factors that the file lacks. */
    @Test
    void theSettingsLeaveTheTowerOut() throws IOException {
        save("gemma3", LoraConfig.of(2, 4, TargetModules.names("q_proj", "v_proj")));
        Pattern left = excluded();
        for (String tower : List.of(
                "model.vision_tower.vision_model.encoder.layers.0.self_attn.q_proj",
                "vision_tower.encoder.layers.0.self_attn.q_proj",
                "model.vision_tower.encoder.layers.0.self_attn.q_proj.linear",
                "model.audio_tower.layers.0.self_attn.q_proj",
                "model.embed_audio.embedding_projection",
                "model.multi_modal_projector.linear_1")) {
            assertTrue(left.matcher(tower).matches(), tower);
        }
        assertTrue(
                !left.matcher("model.language_model.layers.0.self_attn.q_proj").matches());
        assertEquals(
                List.of("q_proj", "v_proj"),
                Json.read(directory.resolve(PeftFiles.CONFIG)).strings("target_modules"));
        try (Model model = open("gemma3")) {
            LoraAdapter read = PeftFiles.load(directory, model);
            assertEquals(4, read.layers().size());
            PeftFiles.saveConfig(directory, read, model, BASE);
            assertEquals(left.pattern(), excluded().pattern(), "it is said once");
            read.close();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"layers.1.self_attn.q_proj", ".*layers\\.1\\.self_attn\\.q_proj"})
    void whatElseIsExcludedStaysSo(String exclude) throws IOException {
        TargetModules excluded = TargetModules.parse(exclude);
        LoraConfig config =
                LoraConfig.of(2, 4, TargetModules.names("q_proj")).withTargets(TargetModules.names("q_proj"), excluded);
        save("gemma3", config);
        Pattern left = excluded();
        assertTrue(
                left.matcher("model.language_model.layers.1.self_attn.q_proj").matches());
        assertTrue(
                !left.matcher("model.language_model.layers.0.self_attn.q_proj").matches());
        assertTrue(left.matcher(TOWER.replace("base_model.model.", "")).matches());
    }

    /** Adapters that were trained with Transformers before 4.52, which put the modules the other way round. */
    @ParameterizedTest
    @ValueSource(strings = {"gemma3", "gemma4", "mistral3"})
    void theNamesOfOlderVersionsAreRead(String fixture) throws IOException {
        LoraConfig config = LoraConfig.of(2, 4, TargetModules.names("q_proj", "down_proj"))
                .withModulesToSave(List.of("embed_tokens"));
        double[] expected = save(fixture, config);
        change((name, tensors) -> tensors.put(
                name.replace("base_model.model.model.language_model.", "base_model.model.language_model.model.")
                        .replace("base_model.model.lm_head", "base_model.model.language_model.lm_head"),
                tensors.remove(name)));
        assertAnswers(fixture, expected);
    }

    /** Adapters that were trained on the class with the tower, by names, or by an expression for its paths. */
    @ParameterizedTest
    @ValueSource(
            strings = {"q_proj,in_proj_qkv", "model\\.language_model\\.layers\\.\\d+\\..*(q_proj|in_proj_qkv|in_proj_z)"
            })
    void anAdapterOnTheWholeIsReadForTheLanguageModelAlone(String targets) throws IOException {
        LoraConfig config = LoraConfig.of(2, 4, TargetModules.names("q_proj", "in_proj_qkv"))
                .withModulesToSave(List.of("embed_tokens"));
        double[] expected = save("qwen3_5", config);
        change((name, tensors) -> tensors.put(
                name.replace("base_model.model.model.", "base_model.model.model.language_model."),
                tensors.remove(name)));
        ObjectNode settings = Json.read(directory.resolve(PeftFiles.CONFIG)).toTree();
        if (targets.contains("layers")) {
            settings.put("target_modules", targets.replace("|in_proj_z", ""));
        }
        settings.put("exclude_modules", "model\\.visual\\..*");
        settings.putObject("alpha_pattern").put("model.language_model.layers.0.linear_attn.in_proj_qkv", 4);
        Json.write(directory.resolve(PeftFiles.CONFIG), settings);
        assertAnswers("qwen3_5", expected);
        try (Model model = open("qwen3_5");
                LoraAdapter read = PeftFiles.load(directory, model)) {
            assertEquals(4, read.layers().size());
            PeftFiles.save(directory, read, model, BASE);
        }
        assertAnswers("qwen3_5", expected);
    }

    /** Adapters on Qwen2-VL and Qwen2.5-VL of before Transformers 4.52, whose classes named the language model as one alone. */
    @ParameterizedTest
    @ValueSource(strings = {"q_proj,down_proj", "model\\.layers\\.\\d+\\.(self_attn|mlp)\\.(q_proj|down_proj)"})
    void anAdapterByTheNamesOfALanguageModelAloneIsReadWhereItLiesInAnother(String targets) throws IOException {
        LoraConfig config = LoraConfig.of(2, 4, TargetModules.names("q_proj", "down_proj"))
                .withModulesToSave(List.of("embed_tokens", "lm_head"));
        double[] expected = save("qwen2_5_vl", config);
        change((name, tensors) -> tensors.put(
                name.replace("base_model.model.model.language_model.", "base_model.model.model."),
                tensors.remove(name)));
        ObjectNode settings = Json.read(directory.resolve(PeftFiles.CONFIG)).toTree();
        settings.remove("exclude_modules");
        if (targets.contains("layers")) {
            settings.put("target_modules", targets);
        }
        settings.putObject("alpha_pattern").put("model.layers.0.self_attn.q_proj", 4);
        Json.write(directory.resolve(PeftFiles.CONFIG), settings);
        assertAnswers("qwen2_5_vl", expected);
        assertTrue(SavedInFull.of(directory).contains("model.language_model.embed_tokens"));
        try (NativeScope scope = new NativeScope();
                Model model = open("qwen2_5_vl");
                LoraAdapter read = PeftFiles.load(directory, model)) {
            assertEquals(4, read.layers().size());
            String embedding = "model.language_model.embed_tokens.weight";
            assertTrue(Tensors.bitEqual(
                    model.weights().get(embedding).detach(), SavedInFull.tensor(directory, embedding)));
        }
    }

    @Test
    void factorsOfTheTowerThatChangeNothingArePassedOver() throws IOException {
        double[] expected = save("gemma3", LoraConfig.of(2, 4, TargetModules.names("q_proj")));
        tower(0);
        assertAnswers("gemma3", expected);
    }

    @Test
    void aTrainedTowerIsRefused() throws IOException {
        save("gemma3", LoraConfig.of(2, 4, TargetModules.names("q_proj")));
        tower(0.5);
        try (Model model = open("gemma3")) {
            String fault = assertThrows(CheckpointException.class, () -> PeftFiles.load(directory, model))
                    .getMessage();
            assertTrue(fault.contains("The adapter has changed the vision tower too"), fault);
        }
    }

    private void tower(double b) throws IOException {
        change((name, tensors) -> {
            tensors.put(TOWER + ".lora_A.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 2, 8));
            tensors.put(
                    TOWER + ".lora_B.weight",
                    Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 8, 2).add(new Scalar(b)));
        });
    }

    /** Writes an adapter of random numbers, and gives the logits of the model with it. */
    private double[] save(String fixture, LoraConfig config) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture batch = Fixture.open(fixture);
                Model model = open(fixture);
                LoraAdapter adapter = LoraAdapter.create(model, config, 3)) {
            torch.manual_seed(5);
            try (AutoGradMode frozen = new AutoGradMode(false)) {
                adapter.layers().values().forEach(layer -> layer.loraB().copy_(torch.randn_like(layer.loraB())));
            }
            PeftFiles.save(directory, adapter, model, BASE);
            return Tensors.toDoubles(model.logits(batch.input()));
        }
    }

    private void assertAnswers(String fixture, double[] expected) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture batch = Fixture.open(fixture);
                Model model = open(fixture);
                LoraAdapter adapter = PeftFiles.load(directory, model)) {
            double[] actual = Tensors.toDoubles(model.logits(batch.input()));
            for (int i = 0; i < expected.length; i++) {
                assertEquals(expected[i], actual[i], 0);
            }
            assertTrue(!adapter.layers().isEmpty());
        }
    }

    private void change(BiConsumer<String, Map<String, Tensor>> change) throws IOException {
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(directory.resolve(PeftFiles.WEIGHTS))) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : file.names()) {
                tensors.put(name, file.read(name));
            }
            file.names().forEach(name -> change.accept(name, tensors));
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
        }
    }

    private Pattern excluded() throws IOException {
        ObjectNode settings = Json.read(directory.resolve(PeftFiles.CONFIG)).toTree();
        return Pattern.compile(settings.path("exclude_modules").asText());
    }

    private static Model open(String fixture) throws IOException {
        Path from = Fixture.directory(fixture);
        Task task = Models.defaultTask(from);
        return Models.open(from, ModelOptions.of(task));
    }

    /** PEFT would look for experts and router by other names than files have. */
    @ParameterizedTest
    @CsvSource({
        "granitemoe, router",
        "granitemoe, layer",
        "granitemoe, block_sparse_moe",
        "granitemoehybrid_moe, input_linear",
        "granitemoehybrid_moe, block_sparse_moe.output_linear"
    })
    void granitesExpertsAreNoModulesToSave(String fixture, String module) throws Exception {
        try (Model model = Models.open(Fixture.directory(fixture), ModelOptions.of(Task.CAUSAL_LM))) {
            LoraConfig reaching =
                    LoraConfig.of(2, 4, TargetModules.names(List.of("q_proj"))).withModulesToSave(List.of(module));
            ConfigException fault = assertThrows(ConfigException.class, () -> LoraAdapter.create(model, reaching, 1));
            assertTrue(fault.getMessage().contains("modules_to_save: " + module + " reaches into"), fault.getMessage());
        }
    }

    @Test
    void whatStandsBesideGranitesExpertsIsSaved() throws Exception {
        try (Model model = Models.open(Fixture.directory("granitemoehybrid_moe"), ModelOptions.of(Task.CAUSAL_LM))) {
            LoraConfig beside = LoraConfig.of(2, 4, TargetModules.names(List.of("q_proj")))
                    .withModulesToSave(List.of("shared_mlp.input_linear"));
            try (LoraAdapter adapter = LoraAdapter.create(model, beside, 1)) {
                assertEquals(
                        Set.of(
                                "model.layers.0.shared_mlp.input_linear.weight",
                                "model.layers.1.shared_mlp.input_linear.weight"),
                        adapter.savedModules().keySet());
            }
        }
    }
}
