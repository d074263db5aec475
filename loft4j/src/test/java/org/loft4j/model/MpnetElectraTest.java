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
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;
import org.loft4j.Logged;
import org.loft4j.ShapeException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Padding;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.SequenceVector;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What the files of MPNet, of ELECTRA and of ALBERT may look like, what their settings mean, and what an adapter on them is called. */
class MpnetElectraTest {
    private static final Set<String> HEAD = Set.of(
            "classifier.dense.weight",
            "classifier.dense.bias",
            "classifier.out_proj.weight",
            "classifier.out_proj.bias");

    @TempDir
    Path folder;

    /** Of 150 tokens, so that every row of the table of distances counts, and with its numbers in bfloat16 too. */
    @Test
    void aLongTextReachesTheFarDistances() throws IOException {
        for (Dtype dtype : new Dtype[] {Dtype.F32, Dtype.BF16}) {
            try (NativeScope scope = new NativeScope();
                    Fixture fixture = Fixture.open("mpnet_cls");
                    Model model = Models.open(
                            fixture.directory(), options("mpnet_cls").withDtype(dtype))) {
                Tensor logits = model.logits(new TokenInput(fixture.expected("long.input_ids"), null));
                Fixture.assertClose(fixture.expected("long.logits"), logits, null, dtype == Dtype.F32 ? 5e-6 : 0.02);
            }
        }
    }

    /** The table of positions has 160 rows, of which two are before the first token's. */
    @Test
    void aTextBeyondTheTableOfPositionsIsRefused() throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(Fixture.directory("mpnet_cls"), options("mpnet_cls"))) {
            Tensor most = Tensors.zeros(Dtype.I64, DeviceSpec.CPU, 1, 158);
            assertEquals(3, model.logits(new TokenInput(most, null)).size(1));
            Tensor more = Tensors.zeros(Dtype.I64, DeviceSpec.CPU, 1, 159);
            ShapeException fault = assertThrows(ShapeException.class, () -> model.logits(new TokenInput(more, null)));
            assertTrue(fault.getMessage().contains("158"), fault.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"electra_cls", "electra_tok", "albert_cls", "albert_tok"})
    void typesOfTokensAreThoseOfTransformers(String name) throws IOException {
        try (NativeScope scope = new NativeScope();
                Fixture fixture = Fixture.open(name);
                Model model = Models.open(fixture.directory(), options(name))) {
            TokenInput plain = fixture.input();
            TokenInput typed =
                    new TokenInput(plain.inputIds(), plain.attentionMask(), fixture.expected("types.token_type_ids"));
            Fixture.assertClose(
                    fixture.expected("types.logits"),
                    model.logits(typed),
                    name.endsWith("_tok") ? plain.attentionMask() : null,
                    5e-6);
        }
    }

    /** Names of a base model's own file, as all-mpnet-base-v2 has them, with the heads of pretraining beside them. */
    @ParameterizedTest
    @CsvSource({
        "mpnet_cls, mpnet., pooler.dense.weight",
        "mpnet_cls, '', lm_head.dense.weight",
        "electra_cls, electra., embeddings.position_ids",
        "electra_cls, '', discriminator_predictions.dense.weight",
        "electra_cls, '', generator_predictions.dense.weight",
        "electra_cls, '', generator_lm_head.weight"
    })
    void namesMayLackTheirModuleAndHeadsOfPretrainingAreLeftOut(String fixture, String without, String beside)
            throws IOException {
        Path changed = weights(
                fixture,
                name -> name.startsWith("classifier.")
                        ? name.equals("classifier.out_proj.bias") ? beside : null
                        : name.substring(without.length()));
        try (Logged log = new Logged(ParameterReader.class);
                Model whole = Models.open(Fixture.directory(fixture), options(fixture));
                Model other = Models.open(changed, options(fixture))) {
            assertEquals(HEAD, other.weights().created());
            whole.weights()
                    .asMap()
                    .forEach((name, tensor) -> assertTrue(
                            HEAD.contains(name)
                                    || Tensors.bitEqual(tensor, other.weights().get(name)),
                            name));
            assertTrue(log.messages().isEmpty(), log.messages().toString());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "mpnet_cls, mpnet.encoder.relative_attention_bias.weight",
        "electra_cls, electra.embeddings_project.weight",
        "albert_tok, albert.encoder.embedding_hidden_mapping_in.bias",
        "albert_tok, albert.encoder.albert_layer_groups.1.albert_layers.1.ffn_output.weight",
    })
    void aPartOfTheEncoderThatIsMissingIsNamed(String fixture, String missing) throws IOException {
        Path changed = weights(fixture, name -> name.equals(missing) ? null : name);
        CheckpointException fault =
                assertThrows(CheckpointException.class, () -> Models.open(changed, options(fixture)));
        assertTrue(fault.getMessage().contains(missing), fault.getMessage());
    }

    /** The width of the embeddings decides; a file that has another is refused. */
    @Test
    void theWidthOfTheEmbeddingsIsThatOfTheFile() throws IOException {
        Path changed = copy("electra_cls", json -> json.put("embedding_size", 32));
        CheckpointException fault =
                assertThrows(CheckpointException.class, () -> Models.open(changed, options("electra_cls")));
        assertTrue(fault.getMessage().contains("word_embeddings"), fault.getMessage());
        try (Model model = Models.open(Fixture.directory("electra_tok"), options("electra_tok"))) {
            assertFalse(model.linears().containsKey("electra.embeddings_project"));
        }
    }

    /** MPNet has no types of tokens and no dropout of its own for the classifier, whatever its config.json says; nothing is strange. */
    @Test
    void settingsWithoutMeaningChangeNothing() throws IOException {
        double[] expected = logits(Fixture.directory("mpnet_cls"), "mpnet_cls", false);
        Path changed = copy(
                "mpnet_cls",
                json -> json.put("type_vocab_size", 2)
                        .put("classifier_dropout", 0.5)
                        .remove("pad_token_id"));
        Path summary =
                copy("electra_cls", json -> json.put("summary_type", "last").put("summary_first_dropout", 0.5));
        try (Logged log = new Logged(ConfigKeys.class)) {
            assertArrayEquals(expected, logits(changed, "mpnet_cls", true));
            assertArrayEquals(
                    logits(Fixture.directory("electra_cls"), "electra_cls", false),
                    logits(summary, "electra_cls", true));
            assertTrue(log.messages().isEmpty(), log.messages().toString());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "mpnet_cls, hidden_dropout_prob",
        "mpnet_cls, attention_probs_dropout_prob",
        "mpnet_tok, hidden_dropout_prob",
        "electra_cls, hidden_dropout_prob",
        "electra_cls, attention_probs_dropout_prob",
        "electra_cls, classifier_dropout",
        "electra_tok, classifier_dropout",
        "albert_cls, hidden_dropout_prob",
        "albert_cls, attention_probs_dropout_prob",
        "albert_cls, classifier_dropout_prob",
        "albert_tok, classifier_dropout_prob",
    })
    void eachSettingOfDropoutIsHonouredInTrainingAlone(String fixture, String key) throws IOException {
        double[] expected = logits(Fixture.directory(fixture), fixture, false);
        Path changed = copy(fixture, json -> json.put(key, 0.5));
        assertArrayEquals(expected, logits(changed, fixture, false));
        assertFalse(Arrays.equals(expected, logits(changed, fixture, true)));
    }

    /** The mean of all tokens goes through the head's dense layer in the first one's place. */
    @ParameterizedTest
    @ValueSource(strings = {"mpnet_cls", "electra_cls"})
    void theMeanMayStandForTheFirstToken(String fixture) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model first = Models.open(Fixture.directory(fixture), options(fixture));
                Model mean =
                        Models.open(Fixture.directory(fixture), options(fixture).withPooling(Pooling.MEAN))) {
            TokenInput input = input(fixture);
            Tensor states = first.hiddenStates(input);
            Tensor read = SequenceVector.mean(states, Padding.of(input));
            Tensor dense = mean.linears().get("classifier.dense").forward(read);
            Tensor expected =
                    mean.head().forward((fixture.startsWith("mpnet") ? Activation.TANH : Activation.GELU).apply(dense));
            Fixture.assertClose(expected, mean.logits(input), null, 1e-6);
        }
    }

    /** PEFT's names: the head is saved in full, and every other linear layer has factors. */
    @ParameterizedTest
    @ValueSource(strings = {"mpnet_cls", "mpnet_tok", "electra_cls", "electra_tok"})
    void anAdapterHasPeftsNames(String name) throws IOException {
        String prefix = name.substring(0, name.indexOf('_'));
        String layer = prefix + ".encoder.layer.N.";
        Set<String> expected = new TreeSet<>(Set.of(layer + "intermediate.dense", layer + "output.dense"));
        List<String> attention = prefix.equals("mpnet")
                ? List.of("attn.q", "attn.k", "attn.v", "attn.o")
                : List.of("self.query", "self.key", "self.value", "output.dense");
        attention.forEach(module -> expected.add(layer + "attention." + module));
        if (name.equals("electra_cls")) {
            expected.add("electra.embeddings_project");
        }
        try (Model model = Models.open(Fixture.directory(name), options(name));
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
            Set<String> kinds = adapter.layers().keySet().stream()
                    .map(path -> path.replaceFirst("layer\\.\\d+", "layer.N"))
                    .collect(Collectors.toSet());
            assertEquals(expected, kinds);
            assertEquals(List.of("classifier"), adapter.config().modulesToSave());
            Set<String> names = PeftFiles.tensors(adapter, model).keySet();
            String head = name.endsWith("_cls") ? "classifier.out_proj.bias" : "classifier.bias";
            assertTrue(names.contains("base_model.model." + head), names.toString());
            String query = layer.replace("N", "0") + "attention." + attention.get(0) + ".lora_A.weight";
            assertTrue(names.contains("base_model.model." + query), names.toString());
        }
    }

    private static ModelOptions options(String fixture) throws IOException {
        return ModelOptions.of(Models.defaultTask(Fixture.directory(fixture)));
    }

    private static TokenInput input(String fixture) throws IOException {
        try (Fixture opened = Fixture.open(fixture)) {
            return opened.input();
        }
    }

    private static double[] logits(Path directory, String fixture, boolean training) throws IOException {
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(directory, options(fixture))) {
            model.setTraining(training);
            return Tensors.toDoubles(model.logits(input(fixture)));
        }
    }

    private Path copy(String fixture, Consumer<ObjectNode> change) throws IOException {
        Path from = Fixture.directory(fixture);
        Path to = Files.createTempDirectory(folder, fixture);
        ObjectNode json = Json.read(from.resolve("config.json")).toTree();
        change.accept(json);
        Json.write(to.resolve("config.json"), json);
        Files.copy(from.resolve("model.safetensors"), to.resolve("model.safetensors"));
        return to;
    }

    /** @param names of the tensors; null for one that is left out */
    private Path weights(String fixture, UnaryOperator<String> names) throws IOException {
        Path to = copy(fixture, json -> {});
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file =
                        SafetensorsFile.open(Fixture.directory(fixture).resolve("model.safetensors"))) {
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
