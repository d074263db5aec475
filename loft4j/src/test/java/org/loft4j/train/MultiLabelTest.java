package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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
import org.loft4j.data.MultiLabelText;
import org.loft4j.data.PackedDataset;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.nn.Threshold;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** Models whose texts may have several labels, on encoders and decoders. */
class MultiLabelTest {
    private static final List<String> WORDS = List.of("the", "cat", "dog", "is", "happy", "a");
    private static final List<String> LABELS = List.of("x", "y", "z");

    private static Model model(String fixture, List<String> labels) throws IOException {
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)
                .withLabels(labels)
                .withMultiLabel(true)
                .withSeed(4);
        return Models.open(Fixture.directory(fixture), options);
    }

    private static List<MultiLabelText> rows(int count, Random random) {
        List<MultiLabelText> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            List<String> words = new ArrayList<>();
            for (int k = random.nextInt(1, 6); k > 0; k--) {
                words.add(WORDS.get(random.nextInt(WORDS.size())));
            }
            List<String> labels =
                    LABELS.stream().filter(label -> random.nextBoolean()).toList();
            rows.add(new MultiLabelText(String.join(" ", words), labels));
        }
        return rows;
    }

    private static Dataset data(List<MultiLabelText> rows) throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            return Dataset.multiLabel(rows, Labels.ofNames(LABELS), tokenizer, 12);
        }
    }

    /**
     * The gradient of the head over several batches, by what goes into it: {@code 1/(nk) Σ (σ(z) − y) x}, in float64. Batches are of
     * different sizes, and the mean is over all of their rows, as one batch of them all would have it.
     */
    @ParameterizedTest
    @ValueSource(strings = {"bert_cls", "roberta_cls", "mpnet_cls", "electra_cls", "albert_cls", "llama_tok"})
    void theGradientOfTheHeadIsThatOfATranscription(String fixture) throws IOException {
        long seed = Long.getLong("tests.seed", 20261202L);
        Dataset data = data(rows(11, new Random(seed)));
        float[] expected =
                data.batch(new int[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0).scores();
        try (Model model = model(fixture, LABELS);
                NativeScope scope = new NativeScope()) {
            assertTrue(model.isMultiLabel());
            int width = (int) model.head().inFeatures();
            Tensor weight = model.weights().asMap().get(model.head().path() + ".weight");
            weight.set_requires_grad(true);
            List<MiniBatch> batches =
                    List.of(data.batch(new int[] {0, 1, 2, 3, 4, 5, 6}, 0), data.batch(new int[] {7, 8, 9, 10}, 0));
            BatchLoss objective = BatchLoss.over(model.task(), batches, 1, 0, PreferenceLoss.DPO, null);
            List<double[]> seen = new ArrayList<>();
            List<Double> told = new ArrayList<>();
            model.head().setForward((base, x) -> {
                Tensor z = base.baseForward(x);
                double[] inputs = Tensors.toDoubles(x.detach());
                Arrays.stream(Tensors.toDoubles(z.detach())).forEach(told::add);
                for (int i = 0; i < inputs.length / width; i++) {
                    seen.add(Arrays.copyOfRange(inputs, i * width, (i + 1) * width));
                }
                return z;
            });
            double loss = 0;
            for (MiniBatch batch : batches) {
                loss += objective.backward(model, BatchTensors.of(batch, model));
            }
            assertEquals(11, seen.size(), "one vector a row goes into the head");
            double sum = 0;
            double[] gradient = new double[LABELS.size() * width];
            for (int i = 0; i < expected.length; i++) {
                double p = 1 / (1 + Math.exp(-told.get(i)));
                sum -= Math.log(expected[i] == 1 ? p : 1 - p) / 33;
                for (int k = 0; k < width; k++) {
                    gradient[i % 3 * width + k] += (p - expected[i]) / 33 * seen.get(i / 3)[k];
                }
            }
            assertEquals(sum, loss, 1e-5 * sum, "seed " + seed);
            double[] found = Tensors.toDoubles(weight.grad());
            double norm = Math.sqrt(Arrays.stream(gradient).map(g -> g * g).sum());
            for (int k = 0; k < gradient.length; k++) {
                assertEquals(gradient[k], found[k], 1e-5 * norm, "seed " + seed + ", element " + k);
            }
        }
    }

    /** Labels stay whole where the rows of a lane are shorter than those of others. */
    @Test
    void evaluationsAreThoseOfTheSetsAndAlikeInLanes() throws IOException {
        long seed = Long.getLong("tests.seed", 20261203L);
        Dataset data = data(rows(23, new Random(seed)));
        try (Model model = model("bert_cls", LABELS)) {
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
                    .forEach((name, value) ->
                            assertEquals(value, shared.values().get(name), 1e-5, name + ", seed " + seed));
            MultiLabelScore score = new MultiLabelScore(3, Threshold.HALF);
            try (NativeScope scope = new NativeScope()) {
                for (int i = 0; i < data.size(); i++) {
                    MiniBatch one = data.batch(new int[] {i}, 0);
                    double[] logits = Tensors.toDoubles(
                            model.logits(BatchTensors.of(one, model).input()).flatten());
                    float[] has = data.batch(new int[] {i}, 0).scores();
                    score.add(new long[] {(long) has[0], (long) has[1], (long) has[2]}, logits);
                }
            }
            assertEquals(score.microF1(), alone.scores().get("micro_f1"), 1e-12, "seed " + seed);
            assertEquals(score.macroF1(), alone.scores().get("macro_f1"), 1e-12, "seed " + seed);
            assertEquals(score.accuracy(), alone.scores().get("accuracy"), 1e-12, "seed " + seed);
            assertEquals(score.microRocAuc(), alone.scores().get("micro_roc_auc"), 1e-12, "seed " + seed);
            assertEquals(score.macroRocAuc(), alone.scores().get("macro_roc_auc"), 1e-12, "seed " + seed);
        }
    }

    /** The score of the second class is the difference of the logits, which its probability grows with. */
    @Test
    void theAreaOfTwoClassesIsThatOfTheSecond() throws IOException {
        List<LabeledText> rows = new ArrayList<>();
        Random random = new Random(5);
        for (int i = 0; i < 19; i++) {
            String text = WORDS.get(random.nextInt(6)) + " " + WORDS.get(random.nextInt(6));
            rows.add(new LabeledText(text, text.contains("a") ? "y" : "x"));
        }
        try (Model model = Models.open(
                        Fixture.directory("bert_cls"),
                        ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("x", "y")));
                Tokenizer tokenizer =
                        Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            Dataset data = Dataset.classification(rows, Labels.of(rows), tokenizer, 12);
            RocAuc expected = new RocAuc(1);
            try (NativeScope scope = new NativeScope()) {
                for (int i = 0; i < data.size(); i++) {
                    MiniBatch one = data.batch(new int[] {i}, 0);
                    double[] logits = Tensors.toDoubles(
                            model.logits(BatchTensors.of(one, model).input()).flatten());
                    expected.add(data.get(i).labels(), new double[] {logits[1] - logits[0]});
                }
            }
            Evaluation evaluation = new Evaluator(model, 0, 7).evaluate(data);
            assertEquals(
                    Evaluation.metrics(model), List.copyOf(evaluation.values().keySet()));
            assertEquals(expected.micro(), evaluation.scores().get("roc_auc"), 1e-12);
            assertTrue(expected.micro() > 0 && expected.micro() < 1);
        }
    }

    @Test
    void whatDoesNotFitIsRefused() throws IOException {
        Dataset several = data(rows(4, new Random(1)));
        List<LabeledText> classes = List.of(new LabeledText("the cat", "x"), new LabeledText("a dog", "y"));
        try (Model labels = model("bert_cls", LABELS);
                Model two = model("bert_cls", List.of("x", "y"));
                Model classifier = Models.open(
                        Fixture.directory("bert_cls"),
                        ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(LABELS));
                Model ofTwo = Models.open(
                        Fixture.directory("bert_cls"),
                        ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("x", "y")));
                Tokenizer tokenizer =
                        Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            Dataset one = Dataset.classification(classes, Labels.of(classes), tokenizer, 12);
            assertEquals(
                    "the test data is for a classifier, but the model is a classifier of several labels a text",
                    fault(() -> Evaluator.requireFits(labels, one, "test")));
            assertEquals(
                    "the test data is for a classifier of several labels a text, but the model is a classifier",
                    fault(() -> Evaluator.requireFits(classifier, several, "test")));
            assertEquals(
                    "the test data has 3 labels, but the model knows 2",
                    fault(() -> Evaluator.requireFits(two, several, "test")));
            Evaluator.requireFits(labels, several, "test");
            assertEquals(
                    "packing is for language models, but the data is for a classifier",
                    fault(() -> new PackedDataset(several, 24)));
            assertEquals(
                    "metric_for_best_model must be one of loss, accuracy, micro_f1, macro_f1, micro_roc_auc, macro_roc_auc for this task, got matthews",
                    Evaluation.problem(
                            "metric_for_best_model", "matthews", labels, Evaluation.metrics(labels), List.of()));
            // examples of a program's own come as batches alone: no loss is taken that is not the model's
            int[] first = {0, 1};
            String mixed = fault(() -> BatchTensors.of(several.batch(first, 0), classifier));
            assertTrue(mixed.startsWith("the batch has several labels a text"), mixed);
            String alone = fault(() -> BatchTensors.of(one.batch(first, 0), labels));
            assertTrue(alone.startsWith("the batch has one label a text, and the model was opened for several"), alone);
            List<MultiLabelText> none =
                    List.of(new MultiLabelText("the cat", List.of()), new MultiLabelText("a dog", List.of()));
            TrainConfig byF1 =
                    TrainConfig.builder(Method.FULL).metricForBest("micro_f1").build();
            String unlabelled = fault(() -> RunCheck.check(labels, new TrainData(several, data(none), 0, 12), byF1));
            assertTrue(
                    unlabelled.startsWith(
                            "the metric micro_f1, which is to choose the best, needs a text that has a label, and none"),
                    unlabelled);
            TrainConfig byArea =
                    TrainConfig.builder(Method.FULL).metricForBest("roc_auc").build();
            Dataset ones = Dataset.classification(classes.subList(0, 1), Labels.of(classes), tokenizer, 12);
            String same = fault(() -> RunCheck.check(ofTwo, new TrainData(one, ones, 0, 12), byArea));
            assertTrue(
                    same.startsWith(
                            "the metric roc_auc, which is to choose the best, needs rows of different labels, and all"),
                    same);
            RunCheck.check(ofTwo, new TrainData(one, one, 0, 12), byArea);
            RunCheck.check(labels, new TrainData(several, data(rows(9, new Random(1))), 0, 12), byF1);
            TrainConfig config = TrainConfig.builder(Method.FULL)
                    .loss(loss -> loss.withLabelSmoothing(0.1))
                    .build();
            String fault = fault(() -> RunCheck.check(labels, new TrainData(several, null, 0, 12), config));
            assertTrue(fault.startsWith("label_smoothing_factor is 0.1, and where a text may have several"), fault);
        }
        String single = fault(() -> model("bert_cls", List.of("x")));
        assertTrue(
                single.startsWith(
                        "several labels a text or an image are for task sequence-classification or image-classification with 2"),
                single);
    }

    /** A head of the same names means other things where the classes exclude each other. */
    @Test
    void anAdapterOfSeveralLabelsIsNotGoneOnFromAsOneOfClasses(@TempDir Path adapter) throws IOException {
        try (Model several = model("bert_cls", LABELS);
                LoraAdapter made = LoraAdapter.create(several, LoraConfig.of(2, 4, TargetModules.names("query")), 1)) {
            PeftFiles.save(adapter, made, several, new PeftMetadata(""));
            TaskFile.of(several, 12, null).write(adapter);
        }
        StartingAdapter start = StartingAdapter.read(adapter);
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        try (Model several = model("bert_cls", LABELS);
                Model classifier = Models.open(
                        Fixture.directory("bert_cls"),
                        ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(LABELS))) {
            String fault = fault(() -> Trainable.from(start, classifier, config));
            assertTrue(
                    fault.contains("was trained for several labels a text, and the model was opened for one"), fault);
            Trainable.from(start, several, config).close();
        }
    }

    private static String fault(org.junit.jupiter.api.function.Executable refused) {
        return assertThrows(ConfigException.class, refused).getMessage();
    }
}
