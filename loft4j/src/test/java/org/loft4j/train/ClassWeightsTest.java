package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.data.Encoded;
import org.loft4j.data.Labels;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.MultiLabelText;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Weights of classes: how they are written, counted and refused, and that a step minimises the weighted mean. */
class ClassWeightsTest {
    private static final int[] CLASSES = {0, 1, 1, 0, 1, 1, 1};
    private static final Map<String, Double> NAMED = new LinkedHashMap<>(Map.of("LABEL_0", 3.0));

    private static Model classifier() throws IOException {
        return Models.open(
                Fixture.directory("bert_cls"),
                ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withDtype(Dtype.F64));
    }

    private static Dataset rows() {
        return Dataset.classificationIds(
                IntStream.range(0, CLASSES.length)
                        .mapToObj(i -> IntStream.range(2 + i, 12).toArray())
                        .toList(),
                CLASSES);
    }

    @Test
    void areReadAsTheyAreWritten() {
        assertEquals(ClassWeights.EQUAL, ClassWeights.parse(List.of()));
        assertEquals(ClassWeights.BALANCED, ClassWeights.parse(List.of("balanced")));
        ClassWeights named = ClassWeights.parse(List.of("a=b=2", " c = 0.5"));
        assertEquals(Map.of("a=b", 2.0, "c", 0.5), named.named());
        assertEquals("a=b=2.0, c=0.5", named.words());
        assertEquals(
                named.words(),
                ClassWeights.parse(List.of("c=0.5", "a=b=2", "d=1")).words());
        assertEquals("none", ClassWeights.parse(List.of("d=1")).words());
        assertEquals("none", ClassWeights.EQUAL.words());
        assertEquals("balanced", ClassWeights.BALANCED.words());
    }

    @ParameterizedTest
    @CsvSource({
        "rare, 'class_weights must be balanced, or NAME=WEIGHT for one class or more, got rare'",
        "a=b, 'class_weights takes a number behind the last =, got a=b'",
        "a=0, 'class_weights a must be greater than 0 and finite, got 0.0'",
        "a=NaN, 'class_weights a must be greater than 0 and finite, got NaN'",
        "a=1;a=2, 'class_weights gives a two weights: leave one out'",
        "balanced;a=2, 'class_weights must be balanced, or NAME=WEIGHT for one class or more, got balanced'"
    })
    void sayWhatTheyTake(String words, String message) {
        List<String> given = List.of(words.split(";"));
        assertEquals(
                message,
                assertThrows(ConfigException.class, () -> ClassWeights.parse(given))
                        .getMessage());
    }

    /** scikit-learn's {@code compute_class_weight("balanced", …)} of the same labels: 7/(2·2) and 7/(2·5). */
    @Test
    void balancedOnesAreThoseOfScikitLearn() throws IOException {
        assertArrayEquals(new double[] {1.75, 0.7, 1}, ClassWeights.balanced(new long[] {2, 5, 0}), 1e-15);
        try (Model model = classifier()) {
            ClassWeights counted = ClassWeights.BALANCED.counted(model, rows());
            double[] weights = counted.of(model.description().labels());
            assertEquals(1.75, weights[0]);
            assertEquals(0.7, weights[1], 1e-15);
            assertEquals(1, weights[2]);
        }
    }

    /** {@code Σ w·ℓ / Σ w} over all batches of a step, by the plain equation, however the step is cut. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.2})
    void aStepMinimisesTheWeightedMean(double smoothing) throws IOException {
        double[] weights = {3, 1, 1};
        double above = 0;
        double below = 0;
        try (Model model = classifier();
                NativeScope scope = new NativeScope()) {
            Dataset rows = rows();
            double[] logits = Tensors.toDoubles(model.logits(
                    BatchTensors.of(batch(rows, 0, CLASSES.length), model).input()));
            int k = logits.length / CLASSES.length;
            for (int i = 0; i < CLASSES.length; i++) {
                double sum = 0;
                for (int c = 0; c < k; c++) {
                    sum += Math.exp(logits[i * k + c]);
                }
                for (int c = 0; c < k; c++) {
                    double share = (c == CLASSES[i] ? 1 - smoothing : 0) + smoothing / k;
                    above -= weights[c] * share * (logits[i * k + c] - Math.log(sum));
                }
                below += weights[CLASSES[i]];
            }
            double plain = told(model, ClassWeights.EQUAL, smoothing, batch(rows, 0, CLASSES.length));
            ClassWeights named = new ClassWeights(false, NAMED);
            assertEquals(above / below, told(model, named, smoothing, batch(rows, 0, CLASSES.length)), 1e-12);
            assertEquals(above / below, told(model, named, smoothing, batch(rows, 0, 3), batch(rows, 3, 7)), 1e-12);
            assertNotEquals(plain, above / below, 1e-3);
            // what judges a model is without weights
            double judged = new Evaluator(model, 0, 3).evaluate(rows).loss();
            assertEquals(told(model, ClassWeights.EQUAL, 0, batch(rows, 0, CLASSES.length)), judged, 1e-12);
        }
    }

    /** A weight of two is the same as to have the rows of a class twice. */
    @Test
    void aWeightCountsARowSoOften() throws IOException {
        try (Model model = classifier()) {
            Dataset rows = rows();
            int[] twice = {0, 0, 1, 2, 3, 3, 4, 5, 6};
            double expected = told(model, ClassWeights.EQUAL, 0, Batch.collate(rows, twice, 0));
            ClassWeights two = ClassWeights.parse(List.of("LABEL_0=2"));
            assertEquals(expected, told(model, two, 0, batch(rows, 0, CLASSES.length)), 1e-12);
        }
    }

    @Test
    void tokensHaveThemToo() throws IOException {
        try (Model model = Models.open(
                Fixture.directory("bert_tok"),
                ModelOptions.of(Task.TOKEN_CLASSIFICATION).withDtype(Dtype.F64))) {
            long no = Encoded.NO_LOSS;
            Batch one =
                    new Batch(1, 4, new long[] {2, 5, 6, 3}, new long[] {1, 1, 1, 1}, new long[] {no, 0, 1, no}, 4, 2);
            Batch first = withLabels(one, no, 0, no, no);
            Batch second = withLabels(one, no, no, 1, no);
            double a = told(model, ClassWeights.EQUAL, 0, first);
            double b = told(model, ClassWeights.EQUAL, 0, second);
            ClassWeights weights =
                    ClassWeights.parse(List.of(model.description().labels().get(0) + "=4"));
            assertEquals((4 * a + b) / 5, told(model, weights, 0, one), 1e-12);
            assertEquals((4 * a + b) / 5, told(model, weights, 0, first, second), 1e-12);
        }
    }

    /** {@code pos_weight} of {@code BCEWithLogitsLoss}: the term of a label that a text has, and the mean is over texts and labels. */
    @Test
    void labelsOfWhichATextMayHaveSeveralHaveThem() throws IOException {
        List<String> names = List.of("x", "y", "z");
        List<MultiLabelText> rows = List.of(
                new MultiLabelText("the cat", List.of("x")),
                new MultiLabelText("a dog", List.of("x", "y")),
                new MultiLabelText("happy", List.of()),
                new MultiLabelText("is a", List.of("x")));
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)
                .withLabels(names)
                .withMultiLabel(true)
                .withDtype(Dtype.F64);
        try (Tokenizer tokenizer = Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"));
                Model model = Models.open(Fixture.directory("bert_cls"), options);
                NativeScope scope = new NativeScope()) {
            Dataset data = Dataset.multiLabel(rows, Labels.ofNames(names), tokenizer, 12);
            ClassWeights counted = ClassWeights.BALANCED.counted(model, data);
            assertArrayEquals(new double[] {1.0 / 3, 3, 1}, counted.of(names), 1e-15);
            Batch batch = batch(data, 0, 4);
            double[] z =
                    Tensors.toDoubles(model.logits(BatchTensors.of(batch, model).input()));
            double[] y = {1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0};
            double[] w = {1.0 / 3, 3, 1};
            double sum = 0;
            for (int i = 0; i < z.length; i++) {
                double p = 1 / (1 + Math.exp(-z[i]));
                sum -= w[i % 3] * y[i] * Math.log(p) + (1 - y[i]) * Math.log(1 - p);
            }
            assertEquals(sum / z.length, told(model, counted, 0, batch), 1e-12);
            assertEquals(sum / z.length, told(model, counted, 0, batch(data, 0, 1), batch(data, 1, 4)), 1e-12);
        }
    }

    @Test
    void aLabelThatAllTextsHaveWeighsOne() throws IOException {
        List<String> names = List.of("x", "y");
        List<MultiLabelText> rows = List.of(
                new MultiLabelText("the cat", List.of("x")),
                new MultiLabelText("a dog", List.of("x", "y")),
                new MultiLabelText("is a", List.of("x")));
        ModelOptions options =
                ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(names).withMultiLabel(true);
        try (Tokenizer tokenizer = Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"));
                Model model = Models.open(Fixture.directory("bert_cls"), options)) {
            Dataset data = Dataset.multiLabel(rows, Labels.ofNames(names), tokenizer, 12);
            assertArrayEquals(
                    new double[] {1, 2},
                    ClassWeights.BALANCED.counted(model, data).of(names));
        }
    }

    private static Batch withLabels(Batch batch, long... labels) {
        return new Batch(batch.rows(), batch.columns(), batch.inputIds(), batch.attentionMask(), labels, 4, 1);
    }

    @Test
    void whoIsGivenNoDataSaysSo() throws IOException {
        TrainConfig config = TrainConfig.builder(Method.FULL)
                .loss(loss -> loss.withClassWeights(ClassWeights.BALANCED))
                .build();
        try (Model model = classifier();
                Trainable trainable = Trainable.create(model, null, config)) {
            ConfigException refused =
                    assertThrows(ConfigException.class, () -> new Trainer(model, trainable, config, 10));
            assertEquals(
                    "class_weights are balanced, and no data was given: ask for ClassWeights.counted",
                    refused.getMessage());
        }
    }

    @Test
    void misfitsAreNamed() throws IOException {
        try (Model model = classifier();
                Model language = TinyRun.model(Dtype.F32)) {
            ClassWeights unknown = ClassWeights.parse(List.of("LABEL_0=2", "spam=3"));
            String classes = String.join(", ", model.description().labels());
            assertEquals("class_weights names spam, and the classes are " + classes, unknown.problem(model, rows()));
            assertEquals(
                    "class_weights gives one class two weights, as LABEL_0 and as label_0: leave one out",
                    ClassWeights.parse(List.of("LABEL_0=2", "label_0=3")).problem(model, rows()));
            String refused = String.valueOf(unknown.problem(language, TinyRun.counting(3, 2)));
            assertTrue(
                    refused.startsWith("class_weights are of a classifier, and the model is opened for causal-lm:"
                            + " leave them out, or take the task sequence-classification"),
                    refused);
        }
    }

    private static Batch batch(Dataset rows, int from, int to) {
        return Batch.collate(rows, IntStream.range(from, to).toArray(), 0);
    }

    private static double told(Model model, ClassWeights weights, double smoothing, Batch... batches) {
        TrainConfig config = TrainConfig.builder(Method.FULL)
                .loss(loss -> loss.withLabelSmoothing(smoothing))
                .loss(loss -> loss.withClassWeights(weights))
                .build();
        List<MiniBatch> all = new ArrayList<>(List.of(batches));
        try (Trainable trainable = Trainable.create(model, null, config)) {
            return new Trainer(model, trainable, config, 10).findGradients(all, 0);
        }
    }
}
