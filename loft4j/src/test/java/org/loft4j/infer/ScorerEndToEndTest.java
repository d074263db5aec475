package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Origin;
import org.loft4j.data.TextPair;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainingRun;

/** A tiny BERT learns how many dogs the second of two texts has: 0 to 3. */
class ScorerEndToEndTest {
    @TempDir
    Path directory;

    private static List<LabeledText> rows(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<LabeledText> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int dogs = random.nextInt(4);
            String second = "dog ".repeat(dogs) + "cat ".repeat(3 - dogs);
            rows.add(new LabeledText("the mat is on", second.strip(), Double.toString(dogs), Origin.MEMORY));
        }
        return rows;
    }

    private Path base() throws IOException {
        Path base = Files.createDirectories(directory.resolve("base"));
        Path fixtures = Path.of("src/test/resources/fixtures");
        for (String file : List.of(
                "bert_cls/config.json",
                "bert_cls/model.safetensors",
                "tiny_wordpiece/tokenizer.json",
                "tiny_wordpiece/tokenizer_config.json")) {
            Files.copy(fixtures.resolve(file), base.resolve(Path.of(file).getFileName()));
        }
        return base;
    }

    @Test
    void numbersAreLearntAndToldFromDiskAsInTraining() throws IOException {
        Path base = base();
        Path output = directory.resolve("out");
        TrainConfig config = TrainConfig.builder(Method.LORA)
                .epochs(8)
                .batchSize(16)
                .learningRate(1e-2)
                .headLearningRate(1e-2)
                .metricForBest("pearson")
                .build();
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)
                .withLabels(List.of("dogs"))
                .withPooling(Pooling.MEAN)
                .withSeed(3);
        double pearson;
        double mse;
        try (Tokenizer tokenizer = Tokenizer.open(base);
                Model model = Models.open(base, options)) {
            TrainData data = new TrainData(
                    Dataset.regression(rows(160, 1), tokenizer, 20),
                    Dataset.regression(rows(40, 2), tokenizer, 20),
                    tokenizer.padId(),
                    20);
            LoraConfig lora = LoraConfig.of(4, 4, TargetModules.allLinear());
            try (TrainingRun run = TrainingRun.open(model, data, config, lora, output, OnExisting.REFUSE)) {
                var best = run.run().bestEvaluation();
                pearson = best.get("pearson");
                mse = best.get("mse");
            }
        }
        assertTrue(pearson >= 0.9, "pearson " + pearson);
        assertTrue(TaskFile.read(output).isRegression());
        String card = Files.readString(output.resolve("README.md"));
        assertTrue(card.contains("One output: a number for each text, or pair of texts."), card);
        List<LabeledText> held = rows(40, 2);
        try (Scorer scorer = Scorer.open(output)) {
            List<Double> scores = scorer.scorePairs(held.stream()
                    .map(row -> new TextPair(row.text(), row.textPair()))
                    .toList());
            double sum = 0;
            for (int i = 0; i < held.size(); i++) {
                double difference =
                        scores.get(i) - Double.parseDouble(held.get(i).label());
                sum += difference * difference;
            }
            assertEquals(mse, sum / 40, 1e-4);
            assertTrue(scorer.score("the mat is on", "dog dog dog") > scorer.score("the mat is on", "cat cat cat"));
            assertEquals(
                    scorer.score("the cat"),
                    scorer.score(List.of("a dog is happy", "the cat")).get(1),
                    1e-5);
        }
        ConfigException fault = assertThrows(ConfigException.class, () -> Classifier.open(output));
        assertTrue(fault.getMessage().startsWith("the model has one output, which is a number"), fault.getMessage());
        ConfigException classes = assertThrows(ConfigException.class, () -> Scorer.open(base));
        assertTrue(
                classes.getMessage().startsWith("a score needs a model of texts with one output"),
                classes.getMessage());
    }
}
