package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.Logged;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.DataFiles;
import org.loft4j.data.Dataset;
import org.loft4j.data.Labels;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;

/** A tiny BERT learns whether a sentence is about the cat; what is written down classifies as the trained model did. */
class ClassifierEndToEndTest {
    private static final List<String> LABELS = List.of("cat", "dog");
    private static final List<String> FILLERS = List.of("the", "a", "mat", "happy", "is", "it", ".", "!", "on");

    @TempDir
    Path directory;

    private Path base;
    private Path output;

    @BeforeEach
    void aBaseModelWithATokenizer() throws IOException {
        base = directory.resolve("base");
        output = directory.resolve("out");
        Files.createDirectories(base);
        Path fixtures = Path.of("src/test/resources/fixtures");
        for (String file : List.of("bert_cls/config.json", "bert_cls/model.safetensors")) {
            Files.copy(fixtures.resolve(file), base.resolve(Path.of(file).getFileName()));
        }
        for (String file : List.of("tokenizer.json", "tokenizer_config.json")) {
            Files.copy(fixtures.resolve("tiny_wordpiece").resolve(file), base.resolve(file));
        }
    }

    private static List<String> texts(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            List<String> words = new ArrayList<>();
            for (int k = random.nextInt(2, 9); k > 0; k--) {
                words.add(FILLERS.get(random.nextInt(FILLERS.size())));
            }
            words.add(random.nextInt(words.size() + 1), LABELS.get(i % 2));
            texts.add(String.join(" ", words));
        }
        return texts;
    }

    private static Dataset dataset(Path rows, Tokenizer tokenizer, int count, long seed) throws IOException {
        List<String> lines = new ArrayList<>();
        List<String> texts = texts(count, seed);
        for (int i = 0; i < count; i++) {
            lines.add("{\"text\": \"" + texts.get(i) + "\", \"label\": \"" + LABELS.get(i % 2) + "\"}");
        }
        Files.write(rows, lines);
        return Dataset.classification(DataFiles.read(rows), Labels.ofNames(LABELS), tokenizer, 16);
    }

    private TrainResult train(Method method, Pooling pooling) throws IOException {
        TrainConfig config = TrainConfig.builder(method)
                .epochs(5)
                .batchSize(16)
                .learningRate(learningRate(method))
                .headLearningRate(1e-2)
                .metricForBest("accuracy")
                .build();
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)
                .withLabels(LABELS)
                .withPooling(pooling)
                .withSeed(3);
        LoraConfig lora = LoraConfig.of(4, 4, TargetModules.names("query", "value"));
        try (Tokenizer tokenizer = Tokenizer.open(base);
                Model model = Models.open(base, options)) {
            TrainData data = new TrainData(
                    dataset(directory.resolve("train.jsonl"), tokenizer, 160, 1),
                    dataset(directory.resolve("test.jsonl"), tokenizer, 40, 2),
                    tokenizer.padId(),
                    16);
            try (TrainingRun run = TrainingRun.open(model, data, config, lora, output, OnExisting.REFUSE)) {
                return run.run();
            }
        }
    }

    private static double learningRate(Method method) {
        return switch (method) {
            case FULL -> 3e-3;
            // no second moment makes up for small gradients
            case ALTLORA -> 0.3;
            default -> 1e-2;
        };
    }

    /** The share of the held-out texts that a classifier read from disk gets right. */
    private double accuracy(Classifier classifier) {
        List<String> texts = texts(40, 2);
        List<TextClassifier.Prediction> predictions = classifier.classify(texts);
        int right = 0;
        for (int i = 0; i < texts.size(); i++) {
            right += predictions.get(i).label().equals(LABELS.get(i % 2)) ? 1 : 0;
        }
        return right / 40.0;
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void whatWasTrainedClassifiesFromDiskAsItDidInTraining(Method method) throws IOException {
        TrainResult result = train(method, Pooling.MEAN);
        assertTrue(result.bestEvaluation().get("accuracy") >= 0.9, result.toString());
        Path model = method.usesAdapter() ? base : output;
        Path adapter = method.usesAdapter() ? output : null;
        try (Classifier classifier = Classifier.open(model, adapter, DeviceSpec.CPU, null)) {
            assertEquals(LABELS, classifier.labels());
            assertEquals(result.bestEvaluation().get("accuracy"), accuracy(classifier), 1e-12);
            TextClassifier.Prediction one = classifier.classify("the cat is on the mat .");
            assertEquals("cat", one.label());
            assertEquals(1, one.probabilities().get(0) + one.probabilities().get(1), 1e-12);
            assertEquals(one.probability(), one.probabilities().get(0));
        }
        try (Classifier named = Classifier.open(output)) {
            assertEquals("cat", named.classify("the cat is on the mat .").label());
        }
        TaskFile task = TaskFile.read(output);
        assertEquals(new TaskFile(Task.SEQUENCE_CLASSIFICATION, LABELS, Pooling.MEAN, 16, base.toString(), null), task);
        assertTrue(Files.exists(output.resolve("tokenizer.json")));
        assertEquals(!method.usesAdapter(), Files.exists(output.resolve("config.json")));
    }

    /** Beside others such a text was judged by its padding. */
    @Test
    void aTextWithoutTokensIsRefusedWhateverIsBesideIt() throws IOException {
        Path tokenizer = base.resolve("tokenizer.json");
        try (Classifier classifier = Classifier.open(base)) {
            assertEquals(3, classifier.classify("").probabilities().size(), "special tokens are tokens");
        }
        Json.write(tokenizer, Json.read(tokenizer).toTree().putNull("post_processor"));
        try (Classifier classifier = Classifier.open(base)) {
            String message = assertThrows(
                            ConfigException.class, () -> classifier.classify(List.of("the cat", "", "a mat")))
                    .getMessage();
            assertEquals("a text without tokens cannot be judged: the one with index 1 of 3, counted from 0", message);
            assertThrows(ConfigException.class, () -> classifier.classify(""));
        }
    }

    @Test
    void aModelTrainedInFullIsAModelDirectory() throws IOException {
        train(Method.FULL, Pooling.CLS);
        var config = Json.read(output.resolve("config.json"));
        assertEquals("cls", config.requireString("classifier_pooling"));
        assertEquals("dog", config.requireObject("id2label").requireString("1"));
        assertEquals(1, config.requireObject("label2id").requireLong("dog"));
        assertEquals(List.of("BertForSequenceClassification"), config.strings("architectures"));
        Files.delete(output.resolve(TaskFile.NAME));
        try (Classifier classifier = Classifier.open(output, null, DeviceSpec.CPU, null)) {
            assertEquals(LABELS, classifier.labels());
            assertTrue(accuracy(classifier) >= 0.9);
        }
    }

    @Test
    void aPoolerThatTheBaseModelLacksIsSavedWithTheAdapter() throws IOException {
        without("pooler");
        TrainResult result = train(Method.LOFT, Pooling.POOLER);
        try (Classifier classifier = Classifier.open(base, output, DeviceSpec.CPU, null)) {
            assertEquals(result.bestEvaluation().get("accuracy"), accuracy(classifier), 1e-12);
        }
        assertEquals(
                List.of("bert.pooler.dense", "classifier"),
                Json.read(output.resolve("adapter_config.json")).strings("modules_to_save").stream()
                        .sorted()
                        .toList());
    }

    /** As PEFT saves it where Transformers has drawn the pooler. */
    @Test
    void anAdapterWithoutThePoolerThatItsModelLacksIsRefused() throws IOException {
        without("pooler");
        train(Method.LORA, Pooling.POOLER);
        without("pooler", output.resolve("adapter_model.safetensors"));
        ObjectNode config = Json.read(output.resolve("adapter_config.json")).toTree();
        config.putArray("modules_to_save").add("classifier");
        Json.write(output.resolve("adapter_config.json"), config);
        assertThrows(ConfigException.class, () -> Classifier.open(base, output, DeviceSpec.CPU, null));
        long objects = LiveObjects.settled();
        String message = assertThrows(ConfigException.class, () -> Classifier.open(base, output, DeviceSpec.CPU, null))
                .getMessage();
        assertTrue(
                message.startsWith(
                        output + " has no bert.pooler.dense.weight, nor has " + base + ": it would answer at random"),
                message);
        assertTrue(NativeScope.liveObjects() <= objects, "model and adapter are freed");
    }

    /** The base model without the tensors whose names hold a word. */
    private void without(String word) throws IOException {
        without(word, base.resolve("model.safetensors"));
    }

    private static void without(String word, Path file) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            var tensors = new LinkedHashMap<String, Tensor>();
            try (SafetensorsFile source = SafetensorsFile.open(file)) {
                for (String name : source.names()) {
                    if (!name.contains(word)) {
                        tensors.put(name, source.read(name).clone());
                    }
                }
            }
            SafetensorsWriter.write(file, tensors, Map.of());
        }
    }

    @Test
    void aModelWithoutAClassifierIsRefusedAndAnAdapterThatBringsOneIsOpenedWithoutAWord() throws IOException {
        without("classifier");
        String message =
                assertThrows(ConfigException.class, () -> Classifier.open(base)).getMessage();
        assertTrue(
                message.startsWith(base + " has no classifier.weight: it was not trained to classify texts"), message);
        try (Logged training = new Logged("org.loft4j.train.RunCheck")) {
            train(Method.LOFT, Pooling.MEAN);
            assertEquals(1, training.messages().size(), training.messages().toString());
        }
        openWithoutAWord();
    }

    private void openWithoutAWord() throws IOException {
        try (Logged opening = new Logged("org.loft4j");
                Classifier classifier = Classifier.open(output)) {
            assertTrue(accuracy(classifier) >= 0.9);
            assertEquals(List.of(), opening.texts());
        }
    }

    @Test
    void aClassifierOfOtherClassesIsToldByTheTrainingThatReplacesItAlone() throws IOException {
        try (Logged training = new Logged("org.loft4j")) {
            train(Method.LORA, Pooling.MEAN);
            String told = "the head of " + base + " is for 3 classes, and the run learns 2:"
                    + " it starts from random numbers instead";
            assertTrue(training.texts().contains(told), training.texts().toString());
        }
        openWithoutAWord();
    }

    @Test
    void anAdaptersModelThatIsNotFoundMayHaveBeenRelative() throws IOException {
        train(Method.LORA, Pooling.MEAN);
        new TaskFile(Task.SEQUENCE_CLASSIFICATION, LABELS, Pooling.MEAN, 16, "models/Base", null).write(output);
        String message = assertThrows(CheckpointException.class, () -> Classifier.open(output))
                .getMessage();
        assertTrue(
                message.contains("its model models/Base is not on this machine (a path is that from the folder of the"
                        + " training): open it with"),
                message);
    }

    /** As PEFT's adapters are, which have no word of the training. */
    @Test
    void anAdaptersModelIsLookedForInItsRevision() throws IOException {
        train(Method.LORA, Pooling.MEAN);
        Files.delete(output.resolve(TaskFile.NAME));
        ObjectNode config = Json.read(output.resolve("adapter_config.json")).toTree();
        config.put("base_model_name_or_path", "nobody/nothing").put("revision", "abc");
        Json.write(output.resolve("adapter_config.json"), config);
        String message = assertThrows(CheckpointException.class, () -> Classifier.open(output))
                .getMessage();
        assertTrue(message.contains("its model nobody/nothing@abc is not on this machine"), message);
    }

    @Test
    void aLanguageModelsAdapterIsNotAClassifier() throws IOException {
        new TaskFile(Task.CAUSAL_LM, List.of(), null, 16, null, null).write(output);
        String message = assertThrows(ConfigException.class, () -> Classifier.open(base, output, DeviceSpec.CPU, null))
                .getMessage();
        assertTrue(message.contains("was trained as a language model"), message);
        assertThrows(
                CheckpointException.class,
                () -> Classifier.open(base, directory.resolve("nowhere"), DeviceSpec.CPU, null));
        assertFalse(TaskFile.exists(base));
    }
}
