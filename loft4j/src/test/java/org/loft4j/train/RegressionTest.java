package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Labels;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.PackedDataset;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** Models of one output, on encoders and decoders. */
class RegressionTest {
    private static final List<String> WORDS = List.of("the", "cat", "dog", "is", "happy", "a");

    private static Model model(String fixture) throws IOException {
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)
                .withLabels(List.of("LABEL_0"))
                .withSeed(4);
        return Models.open(Fixture.directory(fixture), options);
    }

    private static List<LabeledText> rows(int count, Random random) {
        List<LabeledText> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            List<String> words = new ArrayList<>();
            for (int k = random.nextInt(1, 6); k > 0; k--) {
                words.add(WORDS.get(random.nextInt(WORDS.size())));
            }
            rows.add(new LabeledText(String.join(" ", words), Float.toString(5 * random.nextFloat())));
        }
        return rows;
    }

    private static Dataset data(List<LabeledText> rows) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            return Dataset.regression(rows, tokenizer, 12);
        }
    }

    /**
     * The gradient of the head over several batches, by what goes into it: {@code 2/n Σ (z − y) x}, in float64. Batches are of
     * different sizes, and the mean is over all of their rows.
     */
    @ParameterizedTest
    @ValueSource(strings = {"bert_cls", "llama_tok"})
    void theGradientOfTheHeadIsThatOfATranscription(String fixture) throws IOException {
        long seed = Long.getLong("tests.seed", 20261129L);
        Dataset data = data(rows(11, new Random(seed)));
        List<double[]> seen = new ArrayList<>();
        try (Model model = model(fixture);
                NativeScope scope = new NativeScope()) {
            assertTrue(model.isRegression());
            int width = (int) model.head().inFeatures();
            Tensor weight = model.weights().asMap().get(model.head().path() + ".weight");
            weight.set_requires_grad(true);
            List<MiniBatch> batches =
                    List.of(data.batch(new int[] {0, 1, 2, 3, 4, 5, 6}, 0), data.batch(new int[] {7, 8, 9, 10}, 0));
            BatchLoss objective = BatchLoss.over(model.task(), batches, 1, 0, PreferenceLoss.DPO, null);
            List<double[]> told = new ArrayList<>();
            model.head().setForward((base, x) -> {
                Tensor z = base.baseForward(x);
                double[] inputs = Tensors.toDoubles(x.detach());
                double[] outputs = Tensors.toDoubles(z.detach());
                // of a decoder every token may go through the head: the row's last one counts, and is found by its
                // number
                for (int i = 0; i < outputs.length; i++) {
                    seen.add(java.util.Arrays.copyOfRange(inputs, i * width, (i + 1) * width));
                    told.add(new double[] {outputs[i]});
                }
                return z;
            });
            double loss = 0;
            for (MiniBatch batch : batches) {
                loss += objective.backward(model, BatchTensors.of(batch, model));
            }
            assertEquals(11, told.size(), "one vector a row goes into the head");
            double expected = 0;
            double[] gradient = new double[width];
            for (int i = 0; i < 11; i++) {
                double difference = told.get(i)[0] - data.score(i);
                expected += difference * difference / 11;
                for (int k = 0; k < width; k++) {
                    gradient[k] += 2.0 / 11 * difference * seen.get(i)[k];
                }
            }
            assertEquals(expected, loss, 1e-5 * expected, "seed " + seed);
            double[] found = Tensors.toDoubles(weight.grad());
            double norm =
                    Math.sqrt(java.util.Arrays.stream(gradient).map(g -> g * g).sum());
            for (int k = 0; k < width; k++) {
                assertEquals(gradient[k], found[k], 1e-5 * norm, "seed " + seed + ", element " + k);
            }
        }
    }

    @Test
    void evaluationsAreThoseOfTheNumbersAndAlikeInLanes() throws IOException {
        long seed = Long.getLong("tests.seed", 20261130L);
        Dataset data = data(rows(23, new Random(seed)));
        try (Model model = model("bert_cls")) {
            Evaluation alone;
            Evaluation shared;
            try (Threads one = Threads.of(1)) {
                alone = new Evaluator(model, 0, 7).evaluate(data);
            }
            try (Threads three = Threads.of(3)) {
                shared = new Evaluator(model, 0, 7).evaluate(data);
            }
            assertEquals(Evaluation.metrics(model), List.copyOf(alone.values().keySet()));
            assertEquals(23, alone.count());
            alone.values()
                    .forEach((name, value) -> assertEquals(
                            value,
                            shared.values().get(name),
                            name.equals("spearmanr") ? 2e-2 : 1e-4,
                            name + ", seed " + seed));
            assertEquals(alone.loss(), alone.scores().get("mse"), 1e-5 * alone.loss());
            RegressionScore numbers = new RegressionScore();
            try (NativeScope scope = new NativeScope()) {
                for (int i = 0; i < data.size(); i++) {
                    Tensor logits = model.logits(
                            BatchTensors.of(data.batch(new int[] {i}, 0), model).input());
                    numbers.add(new double[] {data.score(i)}, Tensors.toDoubles(logits.flatten()));
                }
            }
            assertEquals(numbers.pearson(), alone.scores().get("pearson"), 1e-4, "seed " + seed);
            assertEquals(numbers.mse(), alone.loss(), 1e-4 * alone.loss(), "seed " + seed);
        }
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        List<LabeledText> rows = List.of(new LabeledText("the cat", "0"), new LabeledText("a dog", "1"));
        Dataset numbers = data(rows);
        try (Model regression = model("bert_cls");
                Model classifier = Models.open(
                        Fixture.directory("bert_cls"),
                        ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("0", "1")));
                Tokenizer tokenizer =
                        Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            Dataset classes = Dataset.classification(rows, Labels.of(rows), tokenizer, 12);
            assertEquals(
                    "the test data is for a classifier, but the model is for regression: it has one output",
                    fault(() -> Evaluator.requireFits(regression, classes, "test")));
            assertEquals(
                    "the test data is for a regression, but the model is a classifier",
                    fault(() -> Evaluator.requireFits(classifier, numbers, "test")));
            Evaluator.requireFits(regression, numbers, "test");
            assertEquals(
                    "packing is for language models, but the data is for a regression",
                    fault(() -> new PackedDataset(numbers, 24)));
            String metric = Evaluation.problem(
                    "metric_for_best_model", "accuracy", regression, Evaluation.metrics(regression), List.of());
            assertEquals(
                    "metric_for_best_model must be one of loss, pearson, spearmanr, mse for this task, got accuracy",
                    metric);
            TrainData data = new TrainData(numbers, null, 0, 12);
            TrainConfig config = TrainConfig.builder(Method.FULL)
                    .loss(loss -> loss.withLabelSmoothing(0.1))
                    .build();
            assertEquals(
                    "label_smoothing_factor is 0.1, and a single output is a number: there are no other classes to spread a"
                            + " target over; leave it out",
                    fault(() -> RunCheck.check(regression, data, config)));
            RunCheck.check(classifier, new TrainData(classes, null, 0, 12), config);
        }
    }

    @Test
    void anAdapterOfNumbersIsNotGoneOnFromAsOneOfClasses(@TempDir Path adapter) throws IOException {
        try (Model regression = model("bert_cls");
                LoraAdapter made =
                        LoraAdapter.create(regression, LoraConfig.of(2, 4, TargetModules.names("query")), 1)) {
            PeftFiles.save(adapter, made, regression, new PeftMetadata(""));
            TaskFile.of(regression, 12, null).write(adapter);
        }
        StartingAdapter start = StartingAdapter.read(adapter);
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        try (Model regression = model("bert_cls");
                Model classifier = Models.open(
                        Fixture.directory("bert_cls"),
                        ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("LABEL_0", "LABEL_1")))) {
            String fault = fault(() -> Trainable.from(start, classifier, config));
            assertTrue(
                    fault.contains("was trained for the labels LABEL_0, and the model was opened for LABEL_0, LABEL_1"),
                    fault);
            Trainable.from(start, regression, config).close();
        }
    }

    private static String fault(org.junit.jupiter.api.function.Executable refused) {
        return assertThrows(ConfigException.class, refused).getMessage();
    }
}
