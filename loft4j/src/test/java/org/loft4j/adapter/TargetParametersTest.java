package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.StackedExperts;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;

/** Adapters of experts whose matrices lie in one tensor; their numbers are those of PEFT in {@link LoraParityTest}. */
class TargetParametersTest {
    private static final List<String> BOTH = List.of("experts.gate_up_proj", "experts.down_proj");

    @TempDir
    Path directory;

    private static Model open(String fixture) throws IOException {
        return Models.open(Fixture.directory(fixture), ModelOptions.of(Task.CAUSAL_LM));
    }

    private static LoraConfig config(String... parameters) {
        return LoraConfig.of(2, 4, TargetModules.none()).withTargetParameters(List.of(parameters));
    }

    /** The one that comes first in the module is wrapped by the other, if both are there. */
    @ParameterizedTest
    @CsvSource({
        "gpt_oss, model.layers.1.mlp.experts, 12, 64, 32",
        "qwen3_5_moe, model.layers.1.mlp.experts, 12, 32, 12",
        "gemma4_moe, model.language_model.layers.1.experts, 12, 32, 12",
        "qwen3_moe, model.layers.2.mlp.experts, 12, 64, 16",
        "olmoe, model.layers.1.mlp.experts, 16, 64, 16",
        "mixtral_sw, model.layers.1.mlp.experts, 8, 64, 24",
        "deepseek_v3, model.layers.1.mlp.experts, 16, 16, 6",
        "glm4_moe_lite, model.layers.1.mlp.experts, 12, 16, 6",
    })
    void aFileHasTheNamesAndShapesOfPeft(String fixture, String module, long ranks, long hidden, long width)
            throws IOException {
        try (Model model = open(fixture);
                LoraAdapter adapter =
                        LoraAdapter.create(model, config("experts.gate_up_proj", "experts.down_proj"), 1)) {
            PeftFiles.save(directory, adapter, model, new PeftMetadata("base", null));
        }
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve(PeftFiles.WEIGHTS))) {
            String outer = "base_model.model." + module + ".";
            assertShape(file, outer + "base_layer.lora_A.weight", ranks, hidden);
            assertShape(file, outer + "base_layer.lora_B.weight", 2 * width, ranks);
            assertShape(file, outer + "lora_A.weight", ranks, width);
            assertShape(file, outer + "lora_B.weight", hidden, ranks);
        }
        ObjectNode settings = Json.read(directory.resolve(PeftFiles.CONFIG)).toTree();
        assertEquals(0, settings.get("target_modules").size());
        assertTrue(settings.get("target_modules").isArray(), "PEFT takes null for what it chooses itself");
        assertEquals(2, settings.get("target_parameters").size());
        LoraConfig read = PeftFiles.readConfig(directory).lora();
        assertEquals(BOTH, read.targetParameters());
        assertEquals(TargetModules.none(), read.targetModules());
    }

    private static void assertShape(SafetensorsFile file, String name, long... shape) throws IOException {
        assertEquals(
                List.of(shape[0], shape[1]),
                List.of(file.info(name).shape()[0], file.info(name).shape()[1]),
                name);
    }

    @Test
    void aSingleParameterHasTheNameOfItsModule() throws IOException {
        try (Model model = open("gpt_oss");
                LoraAdapter adapter = LoraAdapter.create(model, config("1.mlp.experts.gate_up_proj"), 1)) {
            assertEquals(6, adapter.layers().size());
            assertEquals(
                    List.of(
                            "base_model.model.model.layers.1.mlp.experts.lora_A.weight",
                            "base_model.model.model.layers.1.mlp.experts.lora_B.weight"),
                    List.copyOf(tensors(adapter, model).keySet()));
            assertEquals(6 * 2 * (64 + 64), adapter.trainableElements());
        }
    }

    private static Map<String, Tensor> tensors(LoraAdapter adapter, Model model) {
        try (NativeScope scope = new NativeScope()) {
            return new LinkedHashMap<>(PeftFiles.tensors(adapter, model));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "gpt_oss | experts.up_proj | there are mlp.experts.gate_up_proj, mlp.experts.down_proj",
                "gpt_oss | experts.down_proj_bias | no parameter that holds experts is named experts.down_proj_bias",
                "gpt_oss | experts.down_proj,self_attn.q_proj.weight | is named self_attn.q_proj.weight",
                "qwen3_moe | mlp.experts.w1 | there are mlp.experts.gate_up_proj, mlp.experts.down_proj",
                "granitemoe | output_linear.weight | other names in its files than in Transformers",
                "llama_gqa | mlp.down_proj.weight | has no experts",
            })
    void whatIsNoParameterOfExpertsIsRefused(String fixture, String names, String said) throws IOException {
        try (Model model = open(fixture)) {
            LoraConfig config = config(names.split(","));
            ConfigException refused = assertThrows(ConfigException.class, () -> LoraAdapter.create(model, config, 1));
            assertTrue(refused.getMessage().contains(said), refused.getMessage());
            assertTrue(refused.getMessage().startsWith("target_parameters: "), refused.getMessage());
        }
    }

    @Test
    void whatPeftRefusesIsRefused() throws IOException {
        LoraConfig experts = config("experts.down_proj");
        assertTrue(refusal(() -> experts.withDropout(0.1)).contains("lora.dropout must be 0"));
        assertTrue(refusal(() -> experts.withDora(true)).contains("use_dora"));
        assertTrue(refusal(() -> experts.withTargetParameters(List.of(" "))).contains("empty"));
        try (Model model = open("gpt_oss")) {
            LoraConfig none = experts.withTargetParameters(List.of());
            assertTrue(refusal(() -> LoraAdapter.create(model, none, 1)).contains("no layer would get an adapter"));
            LoraConfig both = experts.withModulesToSave(List.of("model.layers.0.mlp"));
            assertTrue(refusal(() -> LoraAdapter.create(model, both, 1)).contains("modules_to_save"));
        }
        try (Model model = open("gpt_oss_mxfp4");
                LoraAdapter adapter = LoraAdapter.create(model, experts, 1)) {
            assertTrue(refusal(adapter::merge).contains("one in bfloat16"));
        }
    }

    /** Where experts are modules here: in Transformers 5, where PEFT looks for them, they are none. */
    @Test
    void expertsWhoseParametersAreNamedGetNothingBeside() throws IOException {
        LoraConfig all =
                LoraConfig.of(2, 4, TargetModules.allLinear()).withTargetParameters(List.of("0.mlp.experts.down_proj"));
        try (Model model = open("qwen3_moe");
                LoraAdapter adapter = LoraAdapter.create(model, all, 1)) {
            Set<String> paths = adapter.layers().keySet();
            assertEquals(
                    6,
                    paths.stream()
                            .filter(path -> path.startsWith("model.layers.0.mlp."))
                            .count(),
                    paths::toString);
            assertTrue(paths.contains("model.layers.0.mlp.experts.down_proj[5]"));
            assertTrue(paths.contains("model.layers.2.self_attn.q_proj"));
            assertFalse(paths.contains("model.layers.2.mlp.experts.5.down_proj"), "of another block");
            PeftFiles.save(directory, adapter, model, new PeftMetadata("base", null));
            for (String saved : new String[] {"0.mlp.experts.3", "0.mlp.experts.3.gate_proj", "2.mlp.experts.1"}) {
                LoraConfig expert = all.withModulesToSave(List.of("model.layers." + saved));
                assertTrue(refusal(() -> LoraAdapter.create(model, expert, 1)).contains("modules_to_save"), saved);
            }
        }
        try (Model model = open("qwen3_moe");
                LoraAdapter read = PeftFiles.load(directory, model)) {
            assertEquals(all.layers(model).keySet(), read.layers().keySet());
            // what takes one parameter over leaves the other to the module, and an adapter of modules takes its place
            LoraAdapter modules = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1);
            assertFalse(read.isAttached());
            modules.close();
        }
    }

    private static String refusal(Runnable action) {
        return assertThrows(ConfigException.class, action::run).getMessage();
    }

    /** Trained on the language model alone, and opened on the one that it lies in. */
    @Test
    void namesOfALanguageModelAloneAreReadInsideOfAnother() throws IOException {
        LoraConfig named = config("model.language_model.layers.1.experts.down_proj")
                .withTargets(TargetModules.names("model.language_model.layers.1.self_attn.q_proj"), null);
        Map<String, Tensor> alone = new LinkedHashMap<>();
        try (NativeScope scope = new NativeScope();
                Model model = open("gemma4_moe");
                LoraAdapter adapter = LoraAdapter.create(model, named, 1)) {
            PeftFiles.tensors(adapter, model)
                    .forEach((name, tensor) -> alone.put(name.replace("language_model.", ""), tensor));
            PeftFiles.saveConfig(directory, adapter, model, new PeftMetadata("base", null));
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), alone, Map.of());
        }
        ObjectNode settings = Json.read(directory.resolve(PeftFiles.CONFIG)).toTree();
        settings.putArray("target_parameters").add("model.layers.1.experts.down_proj");
        settings.putArray("target_modules").add("model.layers.1.self_attn.q_proj");
        Json.write(directory.resolve(PeftFiles.CONFIG), settings);
        try (Model model = open("gemma4_moe");
                LoraAdapter adapter = PeftFiles.load(directory, model)) {
            assertEquals(named.targetParameters(), adapter.config().targetParameters());
            assertEquals(7, adapter.layers().size());
            LoraConfig onModel = PeftFiles.readConfig(directory).loraOn(model, directory);
            assertEquals(named.targetParameters(), onModel.targetParameters());
            assertEquals(adapter.layers().keySet(), onModel.layers(model).keySet());
        }
    }

    /** PEFT warns of a field that fits nothing where the other one does, and passes over one of several names. */
    @ParameterizedTest
    @CsvSource({"typo, experts.down_proj, 12", "q_proj, typo, 2", "q_proj, experts.down_proj typo, 14"})
    void namesThatFitNothingPassInAFile(String modules, String parameters, int layers) throws IOException {
        List<String> listed = List.of(parameters.split(" "));
        TargetModules targets = modules.equals("typo") ? TargetModules.none() : TargetModules.names(modules);
        LoraConfig config = LoraConfig.of(2, 4, targets)
                .withTargetParameters(
                        listed.stream().filter(name -> !name.equals("typo")).toList());
        try (Model model = open("gpt_oss");
                LoraAdapter adapter = LoraAdapter.create(model, config, 1)) {
            PeftFiles.save(directory, adapter, model, new PeftMetadata("base", null));
        }
        ObjectNode settings = Json.read(directory.resolve(PeftFiles.CONFIG)).toTree();
        settings.putArray("target_modules").add(modules);
        listed.forEach(settings.putArray("target_parameters")::add);
        Json.write(directory.resolve(PeftFiles.CONFIG), settings);
        try (Model model = open("gpt_oss")) {
            try (LoraAdapter adapter = PeftFiles.load(directory, model)) {
                assertEquals(layers, adapter.layers().size());
                assertEquals(
                        adapter.layers().keySet(),
                        PeftFiles.readConfig(directory)
                                .loraOn(model, directory)
                                .layers(model)
                                .keySet());
            }
            settings.putArray("target_modules").add("typo");
            settings.putArray("target_parameters").add("typo");
            Json.write(directory.resolve(PeftFiles.CONFIG), settings);
            assertThrows(CheckpointException.class, () -> PeftFiles.load(directory, model));
        }
    }

    /** Their experts had out for in, and later versions of PEFT refuse the file. */
    @Test
    void factorsOfOlderVersionsAreRefused() throws IOException {
        Path peft = Fixture.directory("qwen3_5_moe_text").resolve("adapter");
        Files.copy(peft.resolve(PeftFiles.CONFIG), directory.resolve(PeftFiles.CONFIG));
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(peft.resolve(PeftFiles.WEIGHTS))) {
            Map<String, Tensor> turned = new LinkedHashMap<>();
            for (String name : file.names()) {
                String other =
                        name.contains("lora_A") ? name.replace("lora_A", "lora_B") : name.replace("lora_B", "lora_A");
                turned.put(name, file.read(other).t().contiguous());
            }
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), turned, Map.of());
        }
        try (Model model = open("qwen3_5_moe_text")) {
            CheckpointException refused =
                    assertThrows(CheckpointException.class, () -> PeftFiles.load(directory, model));
            assertTrue(refused.getMessage().contains("PEFT before 0.19"), refused.getMessage());
            assertFalse(StackedExperts.of(model).stream()
                    .flatMap(stack -> stack.all().stream())
                    .anyMatch(layer -> layer.override() != null));
        }
    }
}
