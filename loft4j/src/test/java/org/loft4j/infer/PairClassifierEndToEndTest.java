package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Labels;
import org.loft4j.data.Origin;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainingRun;

/** A tiny BERT learns which animal the second of two texts is about, while the first is about the other one. */
class PairClassifierEndToEndTest {
    private static final List<String> LABELS = List.of("cat", "dog");
    private static final List<String> FILLERS = List.of("the", "a", "mat", "happy", "is", "it", ".", "!", "on");

    @TempDir
    Path directory;

    private static String text(SplittableRandom random, String animal) {
        List<String> words = new ArrayList<>();
        for (int k = random.nextInt(1, 5); k > 0; k--) {
            words.add(FILLERS.get(random.nextInt(FILLERS.size())));
        }
        words.add(random.nextInt(words.size() + 1), animal);
        return String.join(" ", words);
    }

    private static List<LabeledText> rows(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<LabeledText> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String label = LABELS.get(i % 2);
            rows.add(new LabeledText(text(random, LABELS.get(1 - i % 2)), text(random, label), label, Origin.MEMORY));
        }
        return rows;
    }

    @Test
    void pairsAreLearntAndClassifiedFromDiskAsInTraining() throws IOException {
        Path base = Files.createDirectories(directory.resolve("base"));
        Path output = directory.resolve("out");
        Path fixtures = Path.of("src/test/resources/fixtures");
        for (String file : List.of(
                "bert_cls/config.json",
                "bert_cls/model.safetensors",
                "tiny_wordpiece/tokenizer.json",
                "tiny_wordpiece/tokenizer_config.json")) {
            Files.copy(fixtures.resolve(file), base.resolve(Path.of(file).getFileName()));
        }
        TrainConfig config = TrainConfig.builder(Method.LORA)
                .epochs(6)
                .batchSize(16)
                .learningRate(1e-2)
                .headLearningRate(1e-2)
                .metricForBest("accuracy")
                .build();
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)
                .withLabels(LABELS)
                .withPooling(Pooling.MEAN)
                .withSeed(3);
        double trained;
        try (Tokenizer tokenizer = Tokenizer.open(base);
                Model model = Models.open(base, options)) {
            Labels labels = Labels.ofNames(LABELS);
            TrainData data = new TrainData(
                    Dataset.classification(rows(240, 1), labels, tokenizer, 20),
                    Dataset.classification(rows(40, 2), labels, tokenizer, 20),
                    tokenizer.padId(),
                    20);
            LoraConfig lora = LoraConfig.of(4, 4, TargetModules.allLinear());
            try (TrainingRun run = TrainingRun.open(model, data, config, lora, output, OnExisting.REFUSE)) {
                trained = run.run().bestEvaluation().get("accuracy");
            }
        }
        assertTrue(trained >= 0.9, "accuracy " + trained);
        try (Classifier classifier = Classifier.open(output)) {
            List<LabeledText> held = rows(40, 2);
            List<TextClassifier.Prediction> predictions = classifier.classifyPairs(held.stream()
                    .map(row -> new TextPair(row.text(), row.textPair()))
                    .toList());
            int right = 0;
            for (int i = 0; i < held.size(); i++) {
                right += predictions.get(i).label().equals(held.get(i).label()) ? 1 : 0;
            }
            assertEquals(trained, right / 40.0, 1e-12);
            assertEquals("dog", classifier.classify("the cat is happy", "a dog").label());
            assertEquals("cat", classifier.classify("a dog", "the cat is happy").label());
        }
    }
}
