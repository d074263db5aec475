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
import org.loft4j.data.Labels;
import org.loft4j.data.MultiLabelText;
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

/** A tiny BERT learns which of three words a text has. */
class LabelerEndToEndTest {
    private static final List<String> LABELS = List.of("cat", "dog", "happy");

    @TempDir
    Path directory;

    private static List<MultiLabelText> rows(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<MultiLabelText> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            List<String> labels =
                    LABELS.stream().filter(label -> random.nextBoolean()).toList();
            rows.add(new MultiLabelText("the mat is on " + String.join(" ", labels), labels));
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
    void labelsAreLearntAndToldFromDiskAsInTraining() throws IOException {
        Path base = base();
        Path output = directory.resolve("out");
        TrainConfig config = TrainConfig.builder(Method.LORA)
                .epochs(10)
                .batchSize(16)
                .learningRate(1e-2)
                .headLearningRate(1e-2)
                .metricForBest("micro_f1")
                .build();
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)
                .withLabels(LABELS)
                .withMultiLabel(true)
                .withPooling(Pooling.MEAN)
                .withSeed(3);
        double accuracy;
        try (Tokenizer tokenizer = Tokenizer.open(base);
                Model model = Models.open(base, options)) {
            Labels labels = Labels.ofNames(LABELS);
            TrainData data = new TrainData(
                    Dataset.multiLabel(rows(160, 1), labels, tokenizer, 20),
                    Dataset.multiLabel(rows(40, 2), labels, tokenizer, 20),
                    tokenizer.padId(),
                    20);
            LoraConfig lora = LoraConfig.of(4, 4, TargetModules.allLinear());
            try (TrainingRun run = TrainingRun.open(model, data, config, lora, output, OnExisting.REFUSE)) {
                var best = run.run().bestEvaluation();
                assertTrue(best.get("micro_f1") >= 0.95, best.toString());
                accuracy = best.get("accuracy");
            }
        }
        TaskFile task = TaskFile.read(output);
        assertTrue(task.multiLabel());
        assertTrue(task.options().multiLabel());
        String card = Files.readString(output.resolve("README.md"));
        assertTrue(card.contains("Labels: cat, dog, happy; a text may have several of them, or none."), card);
        List<MultiLabelText> held = rows(40, 2);
        try (Labeler labeler = Labeler.open(output)) {
            assertEquals(LABELS, labeler.labels());
            List<TextLabeler.LabelSet> told =
                    labeler.label(held.stream().map(MultiLabelText::text).toList());
            int exact = 0;
            for (int i = 0; i < held.size(); i++) {
                TextLabeler.LabelSet set = told.get(i);
                exact += set.labels().stream()
                                .sorted()
                                .toList()
                                .equals(held.get(i).labels())
                        ? 1
                        : 0;
                for (int k = 0; k < LABELS.size(); k++) {
                    double probability = set.probabilities().get(k);
                    assertEquals(probability > 0.5, set.labels().contains(LABELS.get(k)));
                }
                for (int k = 1; k < set.indices().size(); k++) {
                    assertTrue(
                            set.probabilities().get(set.indices().get(k - 1))
                                    >= set.probabilities().get(set.indices().get(k)),
                            "the likeliest first");
                }
            }
            assertEquals(accuracy, exact / 40.0, 1e-9);
            assertEquals(
                    LABELS.size(),
                    labeler.label("the cat", "a dog").probabilities().size());
        }
        ConfigException fault = assertThrows(ConfigException.class, () -> Classifier.open(output));
        assertTrue(fault.getMessage().startsWith("a text may have several of the model's labels"), fault.getMessage());
        ConfigException classes = assertThrows(ConfigException.class, () -> Labeler.open(base));
        assertTrue(classes.getMessage().startsWith("several labels a text need a model"), classes.getMessage());
    }
}
