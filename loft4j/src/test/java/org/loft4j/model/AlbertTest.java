package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
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
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.albert.AlbertConfig;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What ALBERT's files on the hub look like, and what an adapter on layers that share their weights is called. */
class AlbertTest {
    private static final Path CLS = Fixture.directory("albert_cls");
    private static final ModelOptions TEXTS = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION);

    @TempDir
    Path folder;

    /** As albert-base-v2 has it: a pooler, which goes on, the heads of words and of the order of sentences, numbers of positions. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aCheckpointOfPretrainingLendsItsPooler(boolean bare) throws IOException {
        Files.copy(CLS.resolve("config.json"), folder.resolve("config.json"));
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(CLS.resolve("model.safetensors"));
                Logged log = new Logged(ParameterReader.class);
                Logged settings = new Logged(ConfigKeys.class)) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : file.names()) {
                if (!name.startsWith("classifier.")) {
                    tensors.put(bare ? name.replaceFirst("^albert\\.", "") : name, file.read(name));
                }
            }
            Tensor some = Tensors.of(new double[] {1, 2}, 2).to(Dtype.F32.scalarType());
            for (String name : List.of(
                    "predictions.bias",
                    "predictions.LayerNorm.weight",
                    "predictions.dense.weight",
                    "predictions.decoder.weight",
                    "predictions.decoder.bias",
                    "sop_classifier.classifier.weight",
                    (bare ? "" : "albert.") + "embeddings.position_ids")) {
                tensors.put(name, some);
            }
            SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of());
            try (Model whole = Models.open(CLS, TEXTS);
                    Model model = Models.open(folder, TEXTS)) {
                assertEquals(
                        Set.of("classifier.weight", "classifier.bias"),
                        model.weights().created());
                assertEquals(Pooling.POOLER, model.description().pooling());
                whole.weights()
                        .asMap()
                        .forEach((name, tensor) -> assertTrue(
                                name.startsWith("classifier.")
                                        || Tensors.bitEqual(
                                                tensor, model.weights().get(name)),
                                name));
            }
            assertTrue(log.messages().isEmpty(), log.messages().toString());
            assertTrue(settings.messages().isEmpty(), settings.messages().toString());
            tensors.keySet().removeIf(name -> name.contains("pooler"));
            SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of());
            try (Model model = Models.open(folder, TEXTS)) {
                assertEquals(Pooling.MEAN, model.description().pooling());
            }
        }
    }

    /** PEFT's names, the pooler's and that of the layer behind the embeddings among them: each matrix once, however often it is used. */
    @ParameterizedTest
    @ValueSource(strings = {"albert_cls", "albert_tok"})
    void anAdapterHasPeftsNames(String name) throws IOException {
        Path directory = Fixture.directory(name);
        boolean texts = name.equals("albert_cls");
        String layer = "albert.encoder.albert_layer_groups.N.albert_layers.N.";
        Set<String> expected = new TreeSet<>(Set.of("albert.encoder.embedding_hidden_mapping_in"));
        List.of("attention.query", "attention.key", "attention.value", "attention.dense", "ffn", "ffn_output")
                .forEach(module -> expected.add(layer + module));
        if (texts) {
            expected.add("albert.pooler");
        }
        try (Model model = Models.open(directory, ModelOptions.of(Models.defaultTask(directory)));
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
            assertEquals(texts ? 8 : 4 * 6 + 1, adapter.layers().size());
            assertEquals(
                    expected,
                    adapter.layers().keySet().stream()
                            .map(path -> path.replaceAll("\\d+", "N"))
                            .collect(Collectors.toSet()));
            assertEquals(List.of("classifier"), adapter.config().modulesToSave());
            Set<String> names = PeftFiles.tensors(adapter, model).keySet();
            assertTrue(
                    names.contains("base_model.model." + layer.replace("N", "0") + "attention.query.lora_A.weight"),
                    names.toString());
            assertTrue(names.contains("base_model.model.classifier.bias"), names.toString());
        }
    }

    /** A file without the key means a tenth, one with null what the states have. */
    @Test
    void theDropoutOfTheClassifierMayBeThatOfTheStates() throws IOException {
        ObjectNode json = Json.read(CLS.resolve("config.json")).toTree();
        json.put("hidden_dropout_prob", 0.3).putNull("classifier_dropout_prob");
        Json.write(folder.resolve("config.json"), json);
        assertEquals(0.3, dropout());
        json.remove("classifier_dropout_prob");
        Json.write(folder.resolve("config.json"), json);
        assertEquals(0.1, dropout());
    }

    private double dropout() throws IOException {
        return AlbertConfig.from(Json.read(folder.resolve("config.json")), TEXTS.withLabels(List.of("no", "yes")))
                .head()
                .dropout();
    }
}
