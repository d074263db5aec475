package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
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
import org.loft4j.io.JsonObject;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.io.TensorSource;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** PEFT puts an adapter for FEATURE_EXTRACTION on the base class, whose modules have nothing before their names. */
class BaseClassNamesTest {
    private static final PeftMetadata BASE = new PeftMetadata("org/base", null);

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({
        "bert_cls, query, base_model.model.encoder.layer.0.attention.self.query, false",
        "roberta_cls, query, base_model.model.encoder.layer.0.attention.self.query, false",
        "distilbert_cls, q_lin, base_model.model.transformer.layer.0.attention.q_lin, false",
        "modernbert_cls, Wqkv, base_model.model.layers.0.attn.Wqkv, false",
        "albert_tok, query, base_model.model.encoder.albert_layer_groups.1.albert_layers.0.attention.query, false",
        "llama_gqa, q_proj, base_model.model.layers.0.self_attn.q_proj, false",
        "llama4, q_proj, base_model.model.layers.0.self_attn.q_proj, false",
        "mistral3, q_proj, base_model.model.language_model.layers.0.self_attn.q_proj, false",
        "qwen2_5_vl, q_proj, base_model.model.language_model.layers.0.self_attn.q_proj, false",
        "qwen3_5, out_proj, base_model.model.language_model.layers.0.linear_attn.out_proj, false",
        "qwen3_5_moe, up_proj, base_model.model.language_model.layers.0.mlp.shared_expert.up_proj, false",
        "gpt2, c_attn, base_model.model.h.0.attn.c_attn, true",
        "opt_post, fc1, base_model.model.decoder.layers.0.fc1, false",
    })
    void theFilesAreThoseThatPeftWrites(String fixture, String target, String first, boolean fanInFanOut)
            throws IOException {
        try (Model model = open(fixture);
                LoraAdapter adapter = LoraAdapter.create(
                        model, LoraConfig.of(2, 4, TargetModules.names(target)).withDora(true), 3)) {
            PeftFiles.save(directory, adapter, model, BASE);
            assertEquals(Set.of(), adapter.savedModules().keySet());
        }
        try (TensorSource file = PeftFiles.open(directory)) {
            assertTrue(
                    file.names()
                            .containsAll(List.of(
                                    first + ".lora_A.weight",
                                    first + ".lora_B.weight",
                                    first + ".lora_magnitude_vector")),
                    file.names().toString());
        }
        JsonObject settings = Json.read(directory.resolve(PeftFiles.CONFIG));
        assertEquals("FEATURE_EXTRACTION", settings.requireString("task_type"));
        assertEquals(List.of(target), settings.strings("target_modules"));
        assertEquals(fanInFanOut, settings.booleanOr("fan_in_fan_out", !fanInFanOut));
        assertEquals(Task.SENTENCE_EMBEDDING, PeftFiles.readConfig(directory).task());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bert_cls",
                "roberta_cls",
                "distilbert_cls",
                "modernbert_cls",
                "albert_cls",
                "llama_gqa",
                "gpt2",
                "lfm2",
                "gpt_neo",
                "gpt_neox",
                "opt",
                "opt_post",
                "phi",
                "granitemoehybrid_h",
                "granitemoehybrid_moe",
                "granitemoe",
                "deepseek_v3",
                "deepseek_v3_plain",
                "glm4_moe_lite",
                "glm4_moe",
                "qwen2_moe",
                "stablelm",
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
                "qwen3_5_moe",
                "qwen3_next",
                "qwen3_5_moe_text"
            })
    void whatIsWrittenReadsBackAndMerges(String fixture) throws IOException {
        String embedding;
        try (NativeScope scope = new NativeScope();
                Fixture batch = Fixture.open(fixture)) {
            Tensor expected;
            LoraConfig written;
            try (Model model = open(fixture)) {
                embedding = model.weights().asMap().keySet().iterator().next();
                String module = embedding.substring(0, embedding.lastIndexOf('.'));
                LoraConfig config = LoraConfig.of(2, 4, TargetModules.allLinear())
                        .withDora(true)
                        .withModulesToSave(List.of(module));
                try (LoraAdapter adapter = LoraAdapter.create(model, config, 3)) {
                    draw(adapter);
                    expected = model.logits(batch.input());
                    written = adapter.config();
                    PeftFiles.save(directory, adapter, model, BASE);
                }
            }
            try (TensorSource file = PeftFiles.open(directory)) {
                assertTrue(file.names().contains("base_model.model." + embedding));
            }
            try (Model model = open(fixture)) {
                Tensor before = model.logits(batch.input());
                LoraAdapter adapter = PeftFiles.load(directory, model);
                assertEquals(written.modulesToSave(), adapter.config().modulesToSave());
                assertTrue(Tensors.bitEqual(expected, model.logits(batch.input())));
                adapter.mergeAndClose();
                Fixture.assertClose(expected, model.logits(batch.input()), null, 1e-5);
                assertTrue(before.sub(expected).abs().max().item_double() > 1e-3);
            }
        }
    }

    /** Paths and expressions are those of the base class, as in PEFT; the names of a model with a head mean nothing there. */
    @Test
    void targetsAreTheModulesOfTheBaseClass() throws IOException {
        try (Model model = open("bert_cls")) {
            String path = "encoder.layer.1.attention.self.value";
            assertEquals(Set.of(path), layers(model, TargetModules.names(path)));
            assertEquals(Set.of(path), layers(model, TargetModules.regex("encoder\\.layer\\.1\\..*value")));
            for (TargetModules other : List.of(
                    TargetModules.names("bert." + path), TargetModules.regex("bert\\.encoder\\.layer\\.1\\..*value"))) {
                assertThrows(ConfigException.class, () -> layers(model, other));
            }
        }
        try (Model model = open("gpt2")) {
            TargetModules second = new TargetModules.Names(List.of("attn.c_attn"), List.of(1), List.of("h"));
            assertEquals(Set.of("h.1.attn.c_attn"), layers(model, second));
        }
        // the last number before a module's name counts, as in PEFT
        try (Model model = open("albert_tok")) {
            String path = "encoder.albert_layer_groups.%d.albert_layers.%d.attention.query";
            assertEquals(
                    Set.of(path.formatted(0, 1), path.formatted(1, 1)),
                    layers(model, new TargetModules.Names(List.of("query"), List.of(1), List.of())));
            assertEquals(
                    Set.of(path.formatted(1, 0), path.formatted(1, 1)),
                    layers(
                            model,
                            new TargetModules.Names(List.of("query"), List.of(1), List.of("albert_layer_groups"))));
        }
    }

    /** PEFT adapts the base class' pooler too where dense, or all layers, are named; no vector is made of it. */
    @ParameterizedTest
    @CsvSource({
        "bert_cls, pooler.dense, encoder.layer.0.output.dense",
        "albert_cls, pooler, encoder.albert_layer_groups.0.albert_layers.0.attention.dense",
    })
    void aPoolerIsNoPartOfAnAdapter(String fixture, String pooler, String dense) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = open(fixture);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 3)) {
            PeftFiles.save(directory, adapter, model, BASE);
            List<String> targets =
                    Json.read(directory.resolve(PeftFiles.CONFIG)).strings("target_modules");
            assertTrue(targets.contains(dense), targets.toString());
            assertFalse(targets.contains("dense"), targets.toString());
            Map<String, Tensor> tensors = new TreeMap<>(PeftFiles.tensors(adapter, model));
            String name = "base_model.model." + pooler;
            tensors.put(name + ".lora_A.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 2, 32));
            tensors.put(name + ".lora_B.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 32, 2));
            SafetensorsWriter.write(directory.resolve("adapter_model.safetensors"), tensors, Map.of());
        }
        try (Model model = open(fixture)) {
            Set<String> layers = PeftFiles.load(directory, model).layers().keySet();
            assertTrue(layers.contains(dense), layers.toString());
            assertFalse(layers.contains(pooler), layers.toString());
        }
    }

    @Test
    void anAdapterOfALanguageModelIsRefusedWithWhatToDo() throws IOException {
        Path adapter = Fixture.directory("llama_gqa").resolve("adapter");
        try (Model model = open("llama_gqa")) {
            CheckpointException refused = assertThrows(CheckpointException.class, () -> PeftFiles.load(adapter, model));
            String message = String.valueOf(refused.getMessage());
            assertTrue(message.contains("CAUSAL_LM") && message.contains("FEATURE_EXTRACTION"), message);
            assertTrue(message.contains("merge it"), message);
        }
    }

    private static Set<String> layers(Model model, TargetModules targets) {
        return LoraConfig.of(2, 4, targets).layers(model).keySet();
    }

    private static Model open(String fixture) throws IOException {
        return Models.open(Fixture.directory(fixture), ModelOptions.of(Task.SENTENCE_EMBEDDING));
    }

    private static void draw(LoraAdapter adapter) {
        torch.manual_seed(5);
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            adapter.layers()
                    .values()
                    .forEach(layer ->
                            layer.loraB().copy_(torch.randn_like(layer.loraB()).mul(new Scalar(0.1))));
            adapter.savedModules().values().forEach(saved -> saved.mul_(new Scalar(1.5)));
        }
    }
}
