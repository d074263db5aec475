package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.ConfigException;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.RankedDataset;
import org.loft4j.data.TextMatch;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Models that rank texts, on encoders and decoders. */
class RankingTest {
    private static final List<String> WORDS = List.of("the", "cat", "dog", "is", "happy", "a");
    private static final int GROUPS = 7;

    private static Model model(String fixture) throws IOException {
        return Models.open(
                Fixture.directory(fixture),
                ModelOptions.of(Task.SEQUENCE_CLASSIFICATION)
                        .withLabels(List.of("LABEL_0"))
                        .withSeed(4));
    }

    private static RankedDataset data(long seed) throws IOException {
        Random random = new Random(seed);
        List<TextMatch> rows = new ArrayList<>();
        for (int i = 0; i < GROUPS; i++) {
            List<String> negatives = new ArrayList<>();
            for (int k = 0; k < 1 + i % 3; k++) {
                negatives.add("dog " + words(random));
            }
            rows.add(new TextMatch(words(random), "cat " + words(random), negatives));
        }
        try (Tokenizer tokenizer = Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"))) {
            return RankedDataset.of(rows, tokenizer, 32, null);
        }
    }

    private static String words(Random random) {
        List<String> words = new ArrayList<>();
        for (int k = random.nextInt(1, 5); k > 0; k--) {
            words.add(WORDS.get(random.nextInt(WORDS.size())));
        }
        return String.join(" ", words);
    }

    /** Loss and gradient of the head by batches, each shared out to so many. */
    private static double[] learnt(Model model, RankedDataset data, int lanes, int[]... batches) {
        try (NativeScope scope = new NativeScope()) {
            Tensor weight = model.weights().asMap().get(model.head().path() + ".weight");
            weight.set_requires_grad(true);
            weight.mutable_grad().reset();
            List<MiniBatch> all = new ArrayList<>();
            for (int[] batch : batches) {
                all.add(data.batch(batch, 0));
            }
            BatchLoss objective = BatchLoss.over(model.task(), all, 1, 0, PreferenceLoss.DPO, null);
            double loss = 0;
            for (MiniBatch batch : all) {
                for (BatchTensors part : BatchTensors.of(batch, model).split(lanes)) {
                    loss += objective.backward(model, part);
                }
            }
            double[] gradient = Tensors.toDoubles(weight.grad());
            double[] both = java.util.Arrays.copyOf(gradient, gradient.length + 1);
            both[gradient.length] = loss;
            return both;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"bert_cls", "llama_tok"})
    void aStepIsTheSameHoweverItIsCut(String fixture) throws IOException {
        long seed = Long.getLong("tests.seed", 20261129L);
        System.out.println("RankingTest seed " + seed);
        RankedDataset data = data(seed);
        try (Model model = model(fixture)) {
            double[] whole = learnt(model, data, 1, new int[] {0, 1, 2, 3, 4, 5, 6});
            assertTrue(whole[whole.length - 1] > 0.1, "seed " + seed);
            double most = java.util.Arrays.stream(whole).map(Math::abs).max().orElseThrow();
            assertArrayEquals(
                    whole, learnt(model, data, 3, new int[] {0, 1, 2, 3, 4, 5, 6}), 1e-5 * most, "seed " + seed);
            assertArrayEquals(
                    whole,
                    learnt(model, data, 2, new int[] {5, 1, 2}, new int[] {0, 6, 4, 3}),
                    1e-5 * most,
                    "seed " + seed);
        }
    }

    @Test
    void anEvaluationTellsTheLossOfAllGroups() throws IOException {
        RankedDataset data = data(5);
        try (Model model = model("bert_cls")) {
            Evaluation one = new Evaluator(model, 0, 1).evaluate(data);
            Evaluation all = new Evaluator(model, 0, GROUPS).evaluate(data);
            assertEquals(
                    Evaluation.metrics(model, data), List.copyOf(all.values().keySet()));
            assertEquals(GROUPS, all.count());
            one.values()
                    .forEach((name, value) -> assertEquals(value, all.values().get(name), 1e-5, name));
            double[] learnt = learnt(model, data, 1, new int[] {0, 1, 2, 3, 4, 5, 6});
            assertEquals(learnt[learnt.length - 1], all.loss(), 1e-5);
        }
    }

    @Test
    void theRightTextHasAPlaceAmongTheOthers() {
        RankingScore score = new RankingScore();
        score.add(new double[] {1, 0, 0, 1, 0}, new double[] {2, 1, -1, 0.5, 0.5});
        score.add(new double[] {1, 0, 0, 0}, new double[] {0, 1, 3, -2});
        assertEquals(3, score.count());
        assertEquals(1.0 / 3, score.accuracy(), 1e-15);
        // places 1, 2 (what has the same number comes before it) and 3
        assertEquals((1 + 1.0 / 2 + 1.0 / 3) / 3, score.mrr(), 1e-15);
        assertEquals((1 + 0 - 3) / 3.0, score.margin(), 1e-15);
        RankingScore none = new RankingScore();
        none.add(new double[] {1, 0}, new double[] {Double.NaN, Double.NaN});
        assertEquals(0, none.accuracy());
    }

    @Test
    void aClassifierOfTwoRanksNothing() throws IOException {
        RankedDataset data = data(6);
        try (Model model = Models.open(
                Fixture.directory("bert_cls"),
                ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("a", "b")))) {
            ConfigException fault =
                    assertThrows(ConfigException.class, () -> Evaluator.requireFits(model, data, "evaluation"));
            assertTrue(
                    fault.getMessage()
                            .contains("the evaluation data is for a regression, but the model is a classifier"),
                    fault.getMessage());
        }
    }
}
