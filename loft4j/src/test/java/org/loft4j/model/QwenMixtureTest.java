package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.export.MergedModel;
import org.loft4j.io.ModelDirectory;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What the mixtures of Qwen 3.5 have beyond its dense models and other mixtures. */
class QwenMixtureTest {
    private static final ModelOptions LANGUAGE_MODEL = ModelOptions.of(Task.CAUSAL_LM);
    private static final String APART = "qwen3_5_moe_text";
    private static final String PART = "model.layers.1.mlp.experts.7.up_proj.weight";

    @TempDir
    Path folder;

    private Path with(Map<String, Tensor> tensors) throws IOException {
        Path to = Files.createTempDirectory(folder, "model");
        Files.copy(Fixture.directory(APART).resolve("config.json"), to.resolve("config.json"));
        SafetensorsWriter.write(to.resolve(ModelDirectory.SINGLE), tensors, Map.of());
        return to;
    }

    private static Map<String, Tensor> tensors(Path from) throws IOException {
        try (ModelDirectory source = ModelDirectory.open(from)) {
            Map<String, Tensor> tensors = new TreeMap<>();
            for (String name : source.names()) {
                tensors.put(name, source.read(name));
            }
            return tensors;
        }
    }

    private static Tensor logits(Model model) {
        return model.logits(new TokenInput(Tensors.of(new long[] {1, 5, 9, 2, 7, 30, 8, 11, 4}, 1, 9), null));
    }

    /** The same numbers in one tensor a kind, as files on the hub have them, and by the names of a base model's own file. */
    @Test
    void bothWaysOfLayingExpertsAreRead() throws IOException {
        try (NativeScope scope = new NativeScope();
                Logged warnings = new Logged(ParameterReader.class);
                Model apart = Models.open(Fixture.directory(APART), LANGUAGE_MODEL)) {
            Path stacked = with(apart.weights().asMap());
            Map<String, Tensor> bare = new TreeMap<>();
            tensors(Fixture.directory(APART)).forEach((name, tensor) -> bare.put(name.substring(6), tensor));
            for (Path each : List.of(stacked, with(bare))) {
                try (Model model = Models.open(each, LANGUAGE_MODEL)) {
                    assertEquals(
                            apart.weights().asMap().keySet(),
                            model.weights().asMap().keySet());
                    assertTrue(Tensors.bitEqual(logits(apart), logits(model)));
                }
            }
            assertEquals(List.of(), warnings.messages());
        }
    }

    @Test
    void expertsThatAreNotAllThereAreRefusedByName() throws IOException {
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> all = tensors(Fixture.directory(APART));
            Map<String, Tensor> missing = new TreeMap<>(all);
            missing.remove(PART);
            assertTrue(fault(missing).contains(PART + " is missing"), fault(missing));
            Map<String, Tensor> narrow = new TreeMap<>(all);
            narrow.computeIfPresent(
                    PART, (name, tensor) -> tensor.narrow(0, 0, 19).contiguous());
            assertTrue(fault(narrow).contains(PART + " must have the type and shape of"), fault(narrow));
            Map<String, Tensor> half = new TreeMap<>(all);
            half.computeIfPresent(PART, (name, tensor) -> tensor.to(Dtype.BF16.scalarType()));
            assertTrue(fault(half).contains(PART + " must have the type and shape of"), fault(half));
            Map<String, Tensor> few = new TreeMap<>(all);
            few.keySet().removeIf(name -> name.contains("layers.1.mlp.experts.7."));
            assertTrue(fault(few).contains("model.layers.1.mlp.experts.gate_up_proj must have shape"), fault(few));
        }
    }

    private String fault(Map<String, Tensor> tensors) throws IOException {
        Path model = with(tensors);
        return assertThrows(CheckpointException.class, () -> Models.open(model, LANGUAGE_MODEL))
                .getMessage();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "output_router_logits | true | output_router_logits must be false",
                "norm_topk_prob | false | norm_topk_prob must be true",
                "decoder_sparse_step | 2 | decoder_sparse_step must be 1",
                "mlp_only_layers | [1] | mlp_only_layers must be []",
                "num_experts_per_tok | 9 | num_experts_per_tok must be",
                "shared_expert_intermediate_size | 0 | shared_expert_intermediate_size must be",
                "num_experts | 7 | model.layers.0.mlp.gate.weight must have shape",
            })
    void whatTheClassDoesNotReadIsRefusedByItsKey(String key, String value, String fault) throws IOException {
        Path changed = CheckpointCopy.of(
                folder, Fixture.directory(APART), json -> json.putRawValue(key, raw(value)), name -> name, Dtype.F32);
        Exception refused = assertThrows(Exception.class, () -> Models.open(changed, LANGUAGE_MODEL));
        assertTrue(refused.getMessage().contains(fault), refused.getMessage());
    }

    private static com.fasterxml.jackson.databind.util.RawValue raw(String json) {
        return new com.fasterxml.jackson.databind.util.RawValue(json);
    }

    /** As in PEFT, for which router and experts are no linear layers. */
    @Test
    void anAdapterIsOfAttentionAndTheSharedExpert() throws IOException {
        try (Model model = Models.open(Fixture.directory("qwen3_5_moe"), LANGUAGE_MODEL)) {
            Set<String> ends = LoraConfig.of(2, 4, TargetModules.allLinear()).layers(model).keySet().stream()
                    .map(path -> path.replaceFirst("^model\\.layers\\.\\d+\\.", ""))
                    .collect(Collectors.toSet());
            assertEquals(
                    Stream.of(
                                    Stream.of("q_proj", "k_proj", "v_proj", "o_proj")
                                            .map(name -> "self_attn." + name),
                                    Stream.of("in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj")
                                            .map(name -> "linear_attn." + name),
                                    Stream.of("gate_proj", "up_proj", "down_proj")
                                            .map(name -> "mlp.shared_expert." + name),
                                    Stream.of("mlp.shared_expert_gate"))
                            .flatMap(each -> each)
                            .collect(Collectors.toSet()),
                    ends);
            for (String target : List.of("gate_up_proj", "experts", "gate")) {
                ConfigException refused = assertThrows(
                        ConfigException.class,
                        () -> LoraConfig.of(2, 4, TargetModules.names(target)).layers(model));
                assertTrue(refused.getMessage().contains("target_parameters"), refused.getMessage());
            }
        }
    }

    /** Experts are carried over bit for bit, under the names that the file has. */
    @Test
    void aMergeKeepsTheWayInWhichExpertsLie() throws IOException {
        Path base = Fixture.directory(APART);
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(base, LANGUAGE_MODEL)) {
            LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.names("up_proj")), 1);
            adapter.layers().values().forEach(layer -> layer.loraB().detach().fill_(new Scalar(0.5)));
            MergedModel.of(model, adapter, base, null).writeWeights(folder, 1 << 30);
            Files.copy(base.resolve("config.json"), folder.resolve("config.json"));
            try (ModelDirectory before = ModelDirectory.open(base);
                    ModelDirectory after = ModelDirectory.open(folder);
                    Model again = Models.open(folder, LANGUAGE_MODEL)) {
                assertEquals(new TreeSet<>(before.names()), new TreeSet<>(after.names()));
                for (String name : after.names()) {
                    boolean adapted = name.endsWith("shared_expert.up_proj.weight");
                    assertEquals(!adapted, Tensors.bitEqual(before.read(name), after.read(name)), name);
                }
                assertTrue(Tensors.bitEqual(logits(model), logits(again)));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = LoadIn.class,
            names = {"INT8", "NF4"})
    void fewerBitsAreForExpertsAndNotForRouters(LoadIn loadIn) throws IOException {
        try (Model model = Models.open(Fixture.directory(APART), LANGUAGE_MODEL.withLoadIn(loadIn))) {
            Set<String> few = model.weights().quantized().keySet();
            assertTrue(few.contains("model.layers.0.mlp.experts.gate_up_proj"), few.toString());
            assertTrue(few.contains("model.layers.1.mlp.experts.down_proj"), few.toString());
            assertTrue(few.contains("model.layers.1.mlp.shared_expert.up_proj.weight"), few.toString());
            assertFalse(few.contains("model.layers.0.mlp.gate.weight"), few.toString());
        }
    }

    /** What a file leaves out is as in Transformers: 8 of 256 experts, 512 wide, two heads of keys, a quarter rotated. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void whatAFileDoesNotSayIsAsInTransformers(boolean stated) throws IOException {
        Path changed = CheckpointCopy.of(
                folder,
                Fixture.directory(APART),
                json -> {
                    json.remove(List.of(
                            "num_experts",
                            "num_experts_per_tok",
                            "moe_intermediate_size",
                            "shared_expert_intermediate_size",
                            "num_key_value_heads",
                            "head_dim"));
                    if (stated) {
                        json.put("num_experts", 256).put("num_experts_per_tok", 8);
                        json.put("moe_intermediate_size", 512).put("shared_expert_intermediate_size", 512);
                        json.put("num_key_value_heads", 2).put("head_dim", 256);
                    }
                },
                name -> name,
                Dtype.F32);
        try (Model model = Models.outline(changed, LANGUAGE_MODEL)) {
            assertEquals(8, model.mixtures().get(0).chosen());
            Map<String, Tensor> weights = model.weights().asMap();
            assertEquals(
                    256, weights.get("model.layers.0.mlp.experts.down_proj").size(0));
            assertEquals(
                    512, weights.get("model.layers.0.mlp.experts.down_proj").size(2));
            assertEquals(
                    512,
                    weights.get("model.layers.0.mlp.shared_expert.up_proj.weight")
                            .size(0));
            assertEquals(
                    512, weights.get("model.layers.0.self_attn.k_proj.weight").size(0));
        }
    }

    /** Transformers 5 writes how many there are under Mixtral's name. */
    @Test
    void theExpertsOfQwen3AreCountedByEitherName() throws IOException {
        Path newer = CheckpointCopy.of(
                folder,
                Fixture.directory("qwen3_moe"),
                json -> json.set("num_local_experts", json.remove("num_experts")),
                name -> name,
                Dtype.F32);
        try (Logged log = new Logged(ConfigKeys.class);
                Model model = Models.open(newer, LANGUAGE_MODEL)) {
            assertEquals(2, model.mixtures().get(0).chosen());
            assertEquals(List.of(), log.messages());
        }
    }
}
