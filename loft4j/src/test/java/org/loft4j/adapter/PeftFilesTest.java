package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

class PeftFilesTest {
    private static final PeftMetadata BASE = new PeftMetadata("org/base", "main");
    private static final String UP0 = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight";

    @TempDir
    Path directory;

    @Test
    void whatIsWrittenReadsBackBitForBit() throws IOException {
        for (Task task : Task.values()) {
            for (Dtype dtype : List.of(Dtype.F64, Dtype.F32, Dtype.BF16)) {
                float[] before;
                LoraConfig written;
                try (Model model = new TinyModel(task, dtype, false, 5);
                        LoraAdapter adapter = trained(model, rich())) {
                    before = logits(model);
                    written = adapter.config();
                    adapter.detach();
                    PeftFiles.save(directory, adapter, model, BASE);
                }
                try (Model model = new TinyModel(task, dtype, false, 5);
                        LoraAdapter adapter = PeftFiles.load(directory, model)) {
                    assertTrue(Arrays.equals(before, logits(model)), task + " " + dtype);
                    assertEquals(written, adapter.config());
                }
                PeftConfig config = PeftFiles.readConfig(directory);
                assertEquals(BASE, config.metadata());
                // PEFT has no word for the classification of images
                assertEquals(task == Task.IMAGE_CLASSIFICATION ? null : task, config.task());
            }
        }
    }

    @Test
    void theFileHoldsTheTensorsOfPeftAndNoOthers() throws IOException {
        save(Task.SEQUENCE_CLASSIFICATION, LoraConfig.of(2, 4, TargetModules.allLinear()));
        Set<String> expected = new java.util.TreeSet<>();
        for (int i = 0; i < 2; i++) {
            for (String name : List.of("up_proj", "down_proj")) {
                String path = "base_model.model.model.layers." + i + ".mlp." + name;
                expected.add(path + ".lora_A.weight");
                expected.add(path + ".lora_B.weight");
            }
        }
        expected.add("base_model.model.classifier.weight");
        expected.add("base_model.model.classifier.bias");
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve(PeftFiles.WEIGHTS))) {
            assertEquals(expected, file.names());
        }
        try (var files = Files.list(directory)) {
            assertEquals(
                    Set.of(PeftFiles.WEIGHTS, PeftFiles.CONFIG),
                    files.map(file -> file.getFileName().toString()).collect(Collectors.toSet()));
        }
    }

    @Test
    void theSettingsAreThoseOfPeft() throws IOException {
        save(Task.SEQUENCE_CLASSIFICATION, LoraConfig.of(2, 4, TargetModules.allLinear()));
        assertEquals(
                "{\"alpha_pattern\":{},\"base_model_name_or_path\":\"org/base\",\"bias\":\"none\","
                        + "\"fan_in_fan_out\":false,\"inference_mode\":true,"
                        + "\"init_lora_weights\":true,\"layers_pattern\":null,\"layers_to_transform\":null,"
                        + "\"lora_alpha\":4,\"lora_dropout\":0.0,\"modules_to_save\":[\"classifier\"],"
                        + "\"peft_type\":\"LORA\",\"r\":2,\"rank_pattern\":{},\"revision\":\"main\","
                        + "\"target_modules\":[\"up_proj\",\"down_proj\"],\"task_type\":\"SEQ_CLS\","
                        + "\"use_dora\":false,\"use_rslora\":false}",
                Json.text(Json.read(directory.resolve(PeftFiles.CONFIG)).toTree()));
    }

    @Test
    void unsupportedSettingsAreRefusedByNameAndValue() throws IOException {
        save(Task.CAUSAL_LM, LoraConfig.of(2, 4, TargetModules.allLinear()));
        refuses(tree -> tree.put("use_dora", true), "up_proj.lora_magnitude_vector");
        refuses(tree -> tree.put("bias", "all"), "\"bias\" is \"all\"");
        refuses(tree -> tree.putArray("alora_invocation_tokens").add(3), "\"alora_invocation_tokens\" is [3]");
        refuses(tree -> tree.put("peft_type", "LOHA"), "\"peft_type\" is \"LOHA\"");
        refuses(tree -> tree.put("init_lora_weights", "pissa_niter_4"), "\"init_lora_weights\" is \"pissa_niter_4\"");
        refuses(tree -> tree.putArray("layer_replication").addArray().add(0).add(4), "\"layer_replication\"");
        refuses(tree -> tree.put("task_type", "QUESTION_ANS"), "\"task_type\"");
        refuses(tree -> tree.put("task_type", "SEQ_2_SEQ_LM"), "SEQ_2_SEQ_LM");
        refuses(tree -> tree.put("task_type", "SEQ_CLS"), "SEQ_CLS");
        refuses(tree -> tree.put("some_new_thing", 0.5), "\"some_new_thing\" is 0.5");
        refuses(tree -> tree.put("r", 0), "\"r\"");
        refuses(tree -> tree.put("lora_alpha", -1), "lora.alpha");
        refuses(tree -> tree.putNull("target_modules"), "target_modules");
        refuses(tree -> tree.put("target_modules", "("), "regular expression");
        refuses(tree -> tree.put("layers_pattern", "layers"), "layers_to_transform");
        refuses(tree -> tree.putObject("rank_pattern").put("up_proj", 1.5), "\"rank_pattern.up_proj\"");
        refuses(tree -> tree.remove("peft_type"), "\"peft_type\"");
        edit(tree -> {
            tree.putNull("some_new_thing");
            tree.put("another", false);
            tree.putObject("a_third");
            tree.putArray("a_fourth");
            tree.put("peft_version", "0.20.0");
            tree.put("ensure_weight_tying", true);
            tree.putObject("auto_mapping").put("base_model_class", "X");
            // as if they were not there
            tree.put("layers_pattern", "");
            tree.put("exclude_modules", "");
        });
        for (String start : List.of("gaussian", "eva", "orthogonal", "mica")) {
            edit(tree -> tree.put("init_lora_weights", start));
            try (Model model = model(Task.CAUSAL_LM);
                    LoraAdapter adapter = PeftFiles.load(directory, model)) {
                assertEquals(4, adapter.layers().size());
            }
        }
    }

    @Test
    void namesThatFitNothingPassAsWithPeftButNotAllOfThem() throws IOException {
        save(Task.CAUSAL_LM, LoraConfig.of(2, 4, TargetModules.allLinear()));
        edit(tree ->
                tree.putArray("target_modules").add("up_proj").add("c_attn").add("down_proj"));
        try (Model model = model(Task.CAUSAL_LM);
                LoraAdapter adapter = PeftFiles.load(directory, model)) {
            assertEquals(4, adapter.layers().size());
        }
        refuses(tree -> tree.putArray("target_modules").add("c_attn"), "no linear layer is named c_attn");
    }

    @Test
    void whatAStrangerWroteGivesTheTerminalNoOrders() throws IOException {
        save(Task.CAUSAL_LM, LoraConfig.of(2, 4, TargetModules.names("up_proj")));
        refuses(
                tree -> {
                    tree.putArray("target_modules").add("down_proj");
                    tree.put("base_model_name_or_path", "a\u001b[2J\u009bb");
                },
                "it is an adapter of a?[2J?b");
    }

    @Test
    void tensorsThatAreMissingOrExtraAreListed() throws IOException {
        save(Task.CAUSAL_LM, LoraConfig.of(2, 4, TargetModules.allLinear()));
        String lost = UP0.replace("lora_A", "lora_B");
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = tensors();
            tensors.remove(lost);
            tensors.put("base_model.model.model.embed.weight", Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 11, 6));
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
        }
        String fault = fault();
        assertTrue(fault.contains("missing") && fault.contains(lost), fault);
        assertTrue(fault.contains("no place") && fault.contains("base_model.model.model.embed.weight"), fault);
        assertFalse(fault.contains(UP0), fault);
        assertTrue(fault.endsWith("; it is an adapter of org/base"), fault);
        edit(tree -> tree.putNull("base_model_name_or_path"));
        // the model of this test has no name either
        assertTrue(fault().endsWith("embed.weight"), fault());
    }

    @Test
    void wrongShapesNameTensorExpectedAndFound() throws IOException {
        save(Task.CAUSAL_LM, LoraConfig.of(2, 4, TargetModules.allLinear()));
        edit(tree -> tree.put("r", 3));
        String fault = fault();
        assertTrue(fault.contains("(3, ") && fault.contains("(2, "), fault);
        assertTrue(fault.endsWith("; it is an adapter of org/base"), fault);
        edit(tree -> tree.put("r", 2));
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = tensors();
            tensors.put(UP0, Tensors.of(new long[12], 2, 6));
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
        }
        assertTrue(fault().contains(UP0 + " must be of a floating dtype, found I64"), fault());
    }

    /** As PEFT has saved without safe_serialization, and an adapter with a name of its own. */
    @Test
    void aPickleAndAnAdapterFurtherInsideAreToldOf() throws IOException {
        save(Task.CAUSAL_LM, LoraConfig.of(2, 4, TargetModules.allLinear()));
        Files.move(directory.resolve(PeftFiles.WEIGHTS), directory.resolve("adapter_model.bin"));
        assertTrue(fault().contains("adapter_model.bin cannot be read: load the adapter with PEFT"), fault());
        Path named = Files.createDirectory(directory.resolve("reference"));
        Files.move(directory.resolve(PeftFiles.CONFIG), named.resolve(PeftFiles.CONFIG));
        assertTrue(
                fault().endsWith("holds no adapter_config.json, but " + named + " does: name the one that is meant"));
        Path other = Files.createDirectory(directory.resolve("another"));
        Files.copy(named.resolve(PeftFiles.CONFIG), other.resolve(PeftFiles.CONFIG));
        assertTrue(fault().contains(other + " and 1 more do"), fault());
    }

    @Test
    void aFailedLoadLeavesTheAttachedAdapterAlone() throws IOException {
        save(Task.CAUSAL_LM, LoraConfig.of(2, 4, TargetModules.allLinear()));
        edit(tree -> tree.put("r", 3));
        try (Model model = model(Task.CAUSAL_LM);
                LoraAdapter adapter = trained(model, LoraConfig.of(1, 4, TargetModules.allLinear()))) {
            float[] before = logits(model);
            assertThrows(CheckpointException.class, () -> PeftFiles.load(directory, model));
            assertTrue(adapter.isAttached());
            assertTrue(Arrays.equals(before, logits(model)));
        }
    }

    @Test
    void loadingAndClosingLeavesNothingBehind() throws IOException {
        save(Task.SEQUENCE_CLASSIFICATION, LoraConfig.of(2, 4, TargetModules.allLinear()));
        try (Model model = model(Task.SEQUENCE_CLASSIFICATION)) {
            PeftFiles.load(directory, model).close();
            long before = LiveObjects.settled();
            for (int i = 0; i < 5; i++) {
                PeftFiles.load(directory, model).close();
            }
            assertEquals(before, NativeScope.liveObjects());
        }
    }

    /** PEFT from 0.18 on asks for both names, and ties the sides by the key alone. */
    @Test
    void anEmbeddingThatIsTheOutputEmbeddingAsWellIsSavedForBoth() throws IOException {
        LoraConfig config = LoraConfig.of(2, 4, TargetModules.allLinear()).withModulesToSave(List.of("embed"));
        String input = "base_model.model.model.embed.weight";
        String output = "base_model.model.lm_head.weight";
        save(Task.CAUSAL_LM, config);
        assertFalse(Json.read(directory.resolve(PeftFiles.CONFIG)).has("ensure_weight_tying"));
        assertFalse(tensorNames().contains(output));
        float[] before;
        try (Model model = tied();
                LoraAdapter adapter = trained(model, config)) {
            before = logits(model);
            PeftFiles.save(directory, adapter, model, BASE);
        }
        assertTrue(Json.read(directory.resolve(PeftFiles.CONFIG)).booleanOr("ensure_weight_tying", false));
        assertTrue(
                tensorNames().containsAll(List.of(input, output)), tensorNames().toString());
        assertTrue(Arrays.equals(before, logitsOnTied()));

        edit(tree -> tree.remove("ensure_weight_tying"));
        String untied =
                assertThrows(CheckpointException.class, this::logitsOnTied).getMessage();
        assertTrue(
                untied.contains(
                        "\"modules_to_save\" takes in model.embed.weight, which is the output embedding as well"),
                untied);
        edit(tree -> tree.put("ensure_weight_tying", true));

        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = tensors();
            tensors.put(output, tensors.get(output).neg());
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
            String unequal =
                    assertThrows(CheckpointException.class, this::logitsOnTied).getMessage();
            assertTrue(unequal.contains(output + " must be equal to " + input), unequal);
            tensors.remove(output);
            SafetensorsWriter.write(directory.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
        }
        String apart =
                assertThrows(CheckpointException.class, this::logitsOnTied).getMessage();
        assertTrue(apart.contains("there is no " + output + " in " + PeftFiles.WEIGHTS), apart);
    }

    private static Model tied() {
        return new TinyModel(Task.CAUSAL_LM, Dtype.F32, true, 5);
    }

    private float[] logitsOnTied() throws IOException {
        try (Model model = tied();
                LoraAdapter adapter = PeftFiles.load(directory, model)) {
            assertTrue(adapter.isAttached());
            return logits(model);
        }
    }

    private Set<String> tensorNames() throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve(PeftFiles.WEIGHTS))) {
            return file.names();
        }
    }

    private static LoraConfig rich() {
        return new LoraConfig(
                2,
                4.5,
                0.25,
                new TargetModules.Names(List.of("up_proj", "mlp.down_proj"), List.of(0, 1), List.of("layers")),
                TargetModules.names("layers.1.mlp.down_proj"),
                true,
                true,
                List.of("embed", "classifier"),
                Map.of("layers\\.0\\.mlp\\.up_proj", 3),
                Map.of("down_proj", 16.0));
    }

    private void save(Task task, LoraConfig config) throws IOException {
        try (Model model = model(task);
                LoraAdapter adapter = trained(model, config)) {
            PeftFiles.save(directory, adapter, model, BASE);
        }
    }

    private static Model model(Task task) {
        return new TinyModel(task, Dtype.F32, false, 5);
    }

    private static LoraAdapter trained(Model model, LoraConfig config) {
        LoraConfig fitting = model.task() == Task.CAUSAL_LM
                ? config.withModulesToSave(config.modulesToSave().stream()
                        .filter(name -> !name.equals("classifier"))
                        .toList())
                : config;
        LoraAdapter adapter = LoraAdapter.create(model, fitting, 1);
        Random random = new Random(3);
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            for (Tensor tensor : PeftFiles.tensors(adapter, model).values()) {
                double[] values = random.doubles(tensor.numel(), -0.4, 0.4).toArray();
                tensor.copy_(Tensors.of(values, Shapes.of(tensor)));
            }
        }
        return adapter;
    }

    private static float[] logits(Model model) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return Tensors.toFloats(model.logits(new TokenInput(Tensors.of(new long[] {1, 2, 3, 4}, 2, 2), null)));
        }
    }

    private Map<String, Tensor> tensors() throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve(PeftFiles.WEIGHTS))) {
            for (String name : file.names()) {
                tensors.put(name, file.read(name));
            }
        }
        return tensors;
    }

    private void edit(Consumer<ObjectNode> change) throws IOException {
        Path file = directory.resolve(PeftFiles.CONFIG);
        ObjectNode tree = Json.read(file).toTree();
        change.accept(tree);
        Json.write(file, tree);
    }

    /** Changes the settings, expects the refusal, and changes them back. */
    private void refuses(Consumer<ObjectNode> change, String... words) throws IOException {
        JsonObject before = Json.read(directory.resolve(PeftFiles.CONFIG));
        edit(change);
        String fault = fault();
        for (String word : words) {
            assertTrue(fault.contains(word), fault);
        }
        assertTrue(fault.startsWith(directory.toString()), fault);
        Json.write(before.file(), before.toTree());
    }

    private String fault() {
        try (Model model = model(Task.CAUSAL_LM)) {
            return assertThrows(CheckpointException.class, () -> PeftFiles.load(directory, model))
                    .getMessage();
        }
    }
}
