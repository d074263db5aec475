package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.data.Advantages;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.data.JudgedDataset;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.GrpoLoss;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Under a loss scale gradients are so many times what they are, and the loss that is told is what it is. */
class ScaledLossTest {
    private static final double SCALE = 65536;

    private static double[] gradients(Model model) {
        List<double[]> all = new ArrayList<>();
        model.weights().asMap().values().forEach(weight -> {
            if (weight.grad().defined()) {
                all.add(Tensors.toDoubles(weight.grad()));
                weight.mutable_grad().reset();
            }
        });
        return all.stream().flatMapToDouble(Arrays::stream).toArray();
    }

    private static void check(
            Model model, Batch batch, PreferenceLoss preferences, GrpoLoss rewards, double tolerance) {
        model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
        double[] told = new double[2];
        double[][] found = new double[2][];
        for (int i = 0; i < 2; i++) {
            try (NativeScope scope = new NativeScope()) {
                told[i] = BatchLoss.over(model.task(), List.of(batch), i == 0 ? 1 : SCALE, 0, preferences, null)
                        .withRewards(rewards, List.of(batch))
                        .backward(model, BatchTensors.of(batch, model));
                found[i] = gradients(model);
            }
        }
        assertEquals(told[0], told[1], tolerance * Math.abs(told[0]));
        double norm = Math.sqrt(Arrays.stream(found[0]).map(x -> x * x).sum());
        assertTrue(norm > 1e-6, "no gradient: " + norm);
        for (int i = 0; i < found[0].length; i++) {
            assertEquals(SCALE * found[0][i], found[1][i], SCALE * tolerance * norm);
        }
    }

    private static void check(Batch batch, PreferenceLoss preferences, GrpoLoss rewards) {
        try (Model model = TinyRun.model(Dtype.F64)) {
            check(model, batch, preferences, rewards, 1e-11);
        }
    }

    @Test
    void ofClasses() throws IOException {
        Dataset rows = Dataset.classificationIds(
                IntStream.range(0, 5)
                        .mapToObj(i -> IntStream.range(2 + i, 8).toArray())
                        .toList(),
                new int[] {0, 1, 1, 0, 1});
        Batch batch = Batch.collate(rows, new int[] {0, 1, 2, 3, 4}, 0);
        try (Model model = Models.open(Fixture.directory("bert_cls"), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION))) {
            check(model, batch, PreferenceLoss.DPO, GrpoLoss.USUAL, 1e-5);
        }
    }

    @Test
    void ofPairs() {
        double[] reference =
                IntStream.range(0, 10).mapToDouble(i -> -8 + Math.cos(i)).toArray();
        Batch batch =
                PreferencesEndToEndTest.upwards(5, 3).withReference(reference).batch(new int[] {0, 1, 2, 3, 4}, 0);
        check(batch, PreferenceLoss.DPO, GrpoLoss.USUAL);
    }

    @Test
    void ofAnswersJudgedOneByOne() {
        JudgedDataset rows = JudgedDataset.ofIds(
                List.of(new int[] {1, 2}, new int[] {3}, new int[] {4, 5}),
                List.of(new int[] {3}, new int[] {2, 1}, new int[] {6}),
                new boolean[] {true, false, true},
                10);
        Batch batch = rows.withReference(new double[] {-3, -2, -5, -4, -3, -2}).batch(new int[] {0, 1, 2}, 0);
        check(batch, PreferenceLoss.of(PreferenceLoss.Kind.KTO), GrpoLoss.USUAL);
    }

    @Test
    void ofAnswersThatARewardHasJudged() {
        Batch batch = Batch.ofAnswers(
                List.of(new long[] {3, 1}, new long[] {5}),
                List.of(new long[] {2}, new long[] {1, 4}),
                new Advantages(new double[] {0.7, -0.4}, new double[][] {{-2}, {-1, -3}}),
                0);
        check(batch, PreferenceLoss.DPO, GrpoLoss.USUAL.withBeta(0.3));
    }
}
