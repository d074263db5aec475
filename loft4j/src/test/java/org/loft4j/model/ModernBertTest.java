package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.Logged;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What ModernBERT's files may look like, and what an adapter on it is called. */
class ModernBertTest {
    private static final ModelOptions OPTIONS = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);
    private static final Path CLS = Fixture.directory("modernbert_cls");

    @TempDir
    Path folder;

    /** The keys of the first files, those of Transformers 5, and both are one model; nothing of them is strange. */
    @Test
    void olderAndNewerFilesAreOneModel() throws IOException {
        double[] expected = logits(CLS);
        Consumer<ObjectNode> newer = json -> {
            ObjectNode rope = json.putObject("rope_parameters");
            rope.putObject("full_attention").put("rope_type", "default").put("rope_theta", 160000.0);
            rope.putObject("sliding_attention").put("rope_type", "default").put("rope_theta", 10000);
            for (String kind : List.of("full", "sliding", "sliding", "full", "sliding")) {
                json.withArray("layer_types").add(kind + "_attention");
            }
        };
        Consumer<ObjectNode> withoutOld =
                json -> json.remove(List.of("global_rope_theta", "local_rope_theta", "global_attn_every_n_layers"));
        try (Logged log = new Logged(ConfigKeys.class)) {
            assertArrayEquals(expected, logits(copy("both", newer)));
            assertArrayEquals(expected, logits(copy("newer", newer.andThen(withoutOld))));
            // the defaults are those of Transformers
            assertArrayEquals(expected, logits(copy("neither", withoutOld)));
            assertTrue(log.messages().isEmpty(), log.messages().toString());
        }
    }

    /** In Transformers 4 null means the base of the other layers, which a key that is missing does not. */
    @Test
    void aBaseOfNearLayersThatIsNullIsThatOfTheOthers() throws IOException {
        double[] shared = logits(copy("null", json -> json.putNull("local_rope_theta")));
        assertArrayEquals(shared, logits(copy("same", json -> json.put("local_rope_theta", 160000.0))));
        assertFalse(Arrays.equals(shared, logits(CLS)));
    }

    @Test
    void eachSettingOfDropoutIsHonouredInTrainingAlone() throws IOException {
        double[] expected = logits(CLS);
        for (String key : List.of("embedding_dropout", "attention_dropout", "mlp_dropout", "classifier_dropout")) {
            Path changed = copy(key, json -> json.put(key, 0.5));
            assertArrayEquals(expected, logits(changed), key);
            try (NativeScope scope = new NativeScope();
                    Model model = Models.open(changed, OPTIONS)) {
                model.setTraining(true);
                assertFalse(Arrays.equals(expected, Tensors.toDoubles(model.logits(input()))), key);
            }
        }
    }

    /** Of the head for masked tokens the dense layer and its norm are kept, as in Transformers; the base alone has neither. */
    @Test
    void aCheckpointForMaskedTokensLendsItsHeadAndABaseAloneNone() throws IOException {
        Path masked =
                weights("masked", name -> name.startsWith("classifier.") ? "decoder." + name.substring(11) : name);
        Path base = weights("base", name -> name.startsWith("model.") ? name.substring(6) : null);
        Set<String> classifier = Set.of("classifier.weight", "classifier.bias");
        Set<String> head = new TreeSet<>(classifier);
        head.addAll(Set.of("head.dense.weight", "head.norm.weight"));
        try (Logged log = new Logged(ParameterReader.class);
                Model whole = Models.open(CLS, OPTIONS);
                Model ofMasked = Models.open(masked, OPTIONS);
                Model ofBase = Models.open(base, OPTIONS)) {
            assertEquals(classifier, ofMasked.weights().created());
            assertEquals(head, ofBase.weights().created());
            whole.weights().asMap().forEach((name, tensor) -> {
                assertTrue(
                        classifier.contains(name)
                                || Tensors.bitEqual(tensor, ofMasked.weights().get(name)),
                        name);
                assertTrue(
                        head.contains(name)
                                || Tensors.bitEqual(tensor, ofBase.weights().get(name)),
                        name);
            });
            assertTrue(log.messages().isEmpty(), log.messages().toString());
        }
    }

    /** PEFT's names: the head is saved in full as a whole, and every other linear layer has factors. */
    @ParameterizedTest
    @ValueSource(strings = {"modernbert_cls", "modernbert_mean", "modernbert_tok"})
    void anAdapterHasPeftsNames(String name) throws IOException {
        Path directory = Fixture.directory(name);
        try (Model model = Models.open(directory, ModelOptions.of(Models.defaultTask(directory)));
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
            Set<String> kinds = adapter.layers().keySet().stream()
                    .map(path -> path.replaceFirst("layers\\.\\d+", "layers.N"))
                    .collect(Collectors.toSet());
            assertEquals(
                    Set.of(
                            "model.layers.N.attn.Wqkv",
                            "model.layers.N.attn.Wo",
                            "model.layers.N.mlp.Wi",
                            "model.layers.N.mlp.Wo"),
                    kinds);
            assertEquals(List.of("head", "classifier"), adapter.config().modulesToSave());
            Set<String> names = PeftFiles.tensors(adapter, model).keySet();
            assertTrue(names.contains("base_model.model.model.layers.0.attn.Wqkv.lora_A.weight"), names.toString());
            assertTrue(names.contains("base_model.model.head.norm.weight"), names.toString());
            assertTrue(names.contains("base_model.model.classifier.bias"), names.toString());
        }
    }

    /** PEFT by itself saves no head but the classifier, beside a name that other families have; the base's is used. */
    @Test
    void anAdapterWithoutTheHeadIsReadWhereTheBaseHasOne() throws IOException {
        Path adapted = folder.resolve("adapter");
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(CLS, OPTIONS)) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            try (LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
                PeftFiles.save(adapted, adapter, model, new PeftMetadata("org/base", null));
                PeftFiles.tensors(adapter, model).forEach((name, tensor) -> tensors.put(name, tensor.clone()));
            }
            tensors.keySet().removeIf(name -> name.contains(".head."));
            SafetensorsWriter.write(adapted.resolve(PeftFiles.WEIGHTS), tensors, Map.of());
            ObjectNode config = Json.read(adapted.resolve(PeftFiles.CONFIG)).toTree();
            config.putArray("modules_to_save").add("classifier").add("score");
            Json.write(adapted.resolve(PeftFiles.CONFIG), config);
            double[] expected = Tensors.toDoubles(model.logits(input()));
            try (LoraAdapter adapter = PeftFiles.load(adapted, model)) {
                assertEquals(
                        Set.of("classifier.weight", "classifier.bias"),
                        adapter.savedModules().keySet());
                assertArrayEquals(expected, Tensors.toDoubles(model.logits(input())));
            }
        }
    }

    /** The rotations are no weights, and go with the model as well. */
    @Test
    void aModelThatIsClosedLeavesNoNativeObjectBehind() throws IOException {
        logits(CLS);
        long baseline = LiveObjects.settled();
        for (int i = 0; i < 5; i++) {
            logits(CLS);
        }
        assertEquals(baseline, NativeScope.liveObjects());
    }

    /** A window of which the whole text is a part hides nothing; one of a token alone leaves but that. */
    @Test
    void theWindowIsHalfToEachSide() throws IOException {
        double[] six = logits(copy("six", json -> json.put("local_attention", 6)));
        assertArrayEquals(six, logits(copy("seven", json -> json.put("local_attention", 7))));
        assertFalse(Arrays.equals(six, logits(copy("eight", json -> json.put("local_attention", 8)))));
        double[] wide = logits(copy("wide", json -> json.put("local_attention", 26)));
        assertArrayEquals(wide, logits(copy("wider", json -> json.put("local_attention", 1000))));
        assertFalse(Arrays.equals(wide, logits(copy("less", json -> json.put("local_attention", 24)))));
    }

    private TokenInput input() throws IOException {
        try (Fixture fixture = Fixture.open("modernbert_cls")) {
            return fixture.input();
        }
    }

    private double[] logits(Path directory) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(directory, OPTIONS)) {
            return Tensors.toDoubles(model.logits(input()));
        }
    }

    private Path copy(String name, Consumer<ObjectNode> change) throws IOException {
        Path to = Files.createDirectory(folder.resolve(name));
        ObjectNode json = Json.read(CLS.resolve("config.json")).toTree();
        change.accept(json);
        Json.write(to.resolve("config.json"), json);
        Files.copy(CLS.resolve("model.safetensors"), to.resolve("model.safetensors"));
        return to;
    }

    /** @param names of the tensors; null for one that is left out */
    private Path weights(String name, UnaryOperator<String> names) throws IOException {
        Path to = copy(name, json -> json.remove("architectures"));
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(CLS.resolve("model.safetensors"))) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String each : file.names()) {
                String other = names.apply(each);
                if (other != null) {
                    tensors.put(other, file.read(each));
                }
            }
            SafetensorsWriter.write(to.resolve("model.safetensors"), tensors, Map.of());
        }
        return to;
    }
}
