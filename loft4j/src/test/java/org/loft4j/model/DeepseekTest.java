package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.export.MergedModel;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.ParameterReader;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What latent attention and experts that are scored one by one have beyond other families. */
class DeepseekTest {
    private static final ModelOptions LANGUAGE_MODEL = ModelOptions.of(Task.CAUSAL_LM);
    private static final String BIAS = "model.layers.1.mlp.gate.e_score_correction_bias";
    private static final String FURTHER_BIAS = "model.layers.2.mlp.gate.e_score_correction_bias";
    private static final String FURTHER = "model.layers.2.eh_proj.weight";

    @TempDir
    Path folder;

    private static Model open(String fixture, Dtype dtype) throws IOException {
        return Models.open(Fixture.directory(fixture), LANGUAGE_MODEL.withDtype(dtype));
    }

    private static Tensor logits(Model model) {
        return model.logits(new TokenInput(Tensors.of(new long[] {1, 5, 9, 2, 7, 30, 8, 11, 4}, 1, 9), null));
    }

    /** The router is no linear layer in Transformers' class, and none here. */
    @ParameterizedTest
    @CsvSource({
        "deepseek_v3, 'q_a_proj q_b_proj kv_a_proj_with_mqa kv_b_proj o_proj gate_proj up_proj down_proj'",
        "deepseek_v3_plain, 'q_proj kv_a_proj_with_mqa kv_b_proj o_proj gate_proj up_proj down_proj'",
        "glm4_moe, 'q_proj k_proj v_proj o_proj gate_proj up_proj down_proj'"
    })
    void allLinearLayersAreThoseOfAttentionAndExperts(String fixture, String names) throws IOException {
        try (Model model = open(fixture, null)) {
            Set<String> paths =
                    LoraConfig.of(2, 4, TargetModules.allLinear()).layers(model).keySet();
            assertEquals(
                    Set.of(names.split(" ")),
                    paths.stream()
                            .map(path -> path.substring(path.lastIndexOf('.') + 1))
                            .collect(Collectors.toSet()));
            assertTrue(paths.contains("model.layers.1.mlp.experts.3.up_proj"), paths.toString());
            assertTrue(paths.contains("model.layers.1.mlp.shared_experts.down_proj"), paths.toString());
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> LoraConfig.of(2, 4, TargetModules.names("gate")).layers(model));
            assertTrue(refused.getMessage().contains("no linear layer is named gate"), refused.getMessage());
        }
    }

    /** Whole keys and values of every head. */
    @Test
    void aCacheKeepsKeysAndValuesOfEachHead() throws IOException {
        try (Model model = open("deepseek_v3", null)) {
            long cached = ((CausalDecoder) model).blocks().get(0).attention().cached();
            assertEquals(2 * (10 + 8), cached, "two heads with keys of ten numbers and values of eight");
        }
    }

    /** The router's bias is a buffer of float32 whatever the model is in: read, never trained, written as it was. */
    @Test
    void theBiasOfARouterKeepsItsNumbersAndFurtherTokensTheirTensors() throws IOException {
        Path base = CheckpointCopy.of(
                folder,
                Fixture.directory("deepseek_v3"),
                json -> {},
                name -> name.equals("model.layers.2.input_layernorm.weight") ? FURTHER_BIAS : name,
                Dtype.F32);
        try (NativeScope scope = new NativeScope();
                Logged warnings = new Logged(ParameterReader.class);
                Model model = Models.open(base, LANGUAGE_MODEL.withDtype(Dtype.BF16))) {
            assertEquals(List.of(), warnings.messages());
            assertEquals(Dtype.F32, Dtype.of(model.weights().get(BIAS)));
            assertFalse(model.weights().trainable().containsKey(BIAS));
            assertTrue(model.weights().trainable().containsKey("model.layers.1.mlp.gate.weight"));
            LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.names("kv_b_proj")), 1);
            adapter.layers().values().forEach(layer -> layer.loraB().detach().fill_(new Scalar(0.5)));
            MergedModel.of(model, adapter, base, Dtype.BF16).writeWeights(folder, 1 << 30);
            Files.copy(base.resolve("config.json"), folder.resolve("config.json"));
            try (ModelDirectory before = ModelDirectory.open(base);
                    ModelDirectory after = ModelDirectory.open(folder);
                    Model again = Models.open(folder, LANGUAGE_MODEL)) {
                assertEquals(new TreeSet<>(before.names()), new TreeSet<>(after.names()));
                assertTrue(Tensors.bitEqual(before.read(BIAS), after.read(BIAS)));
                assertTrue(Tensors.bitEqual(before.read(FURTHER_BIAS), after.read(FURTHER_BIAS)));
                assertTrue(Tensors.bitEqual(before.read(FURTHER).to(Dtype.BF16.scalarType()), after.read(FURTHER)));
                assertTrue(Tensors.bitEqual(logits(model), logits(again)));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"gate", "mlp.gate", "e_score_correction_bias"})
    void aRouterWithABiasIsNoModuleToSave(String module) throws IOException {
        try (Model model = open("deepseek_v3", null)) {
            LoraConfig reaching =
                    LoraConfig.of(2, 4, TargetModules.names("q_b_proj")).withModulesToSave(List.of(module));
            ConfigException refused = assertThrows(ConfigException.class, () -> LoraAdapter.create(model, reaching, 1));
            assertTrue(refused.getMessage().contains("modules_to_save: " + module), refused.getMessage());
        }
    }

    /** GLM's list of types goes before its number of dense blocks, as in Transformers. */
    @ParameterizedTest
    @CsvSource({"'[\"dense\", \"sparse\"]', 7", "'[\"dense\", \"sparse\"]', 1"})
    void theBlocksWithMixturesAreThoseOfTheList(String types, int dense) throws Exception {
        Path changed = CheckpointCopy.of(
                folder,
                Fixture.directory("glm4_moe_lite"),
                json -> json.put("first_k_dense_replace", dense)
                        .putRawValue("mlp_layer_types", new com.fasterxml.jackson.databind.util.RawValue(types)),
                name -> name,
                Dtype.F32);
        try (Logged warnings = new Logged(ConfigKeys.class);
                Model model = Models.open(changed, LANGUAGE_MODEL)) {
            assertEquals(List.of(), warnings.messages());
            assertEquals(
                    List.of("model.layers.1.mlp.gate"),
                    model.mixtures().stream()
                            .map(mixture -> mixture.router().path())
                            .toList());
        }
    }
}
