package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.PackedDataset;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** The gradient of a batch whose rows are shared out is that of the batch, whichever lane comes first. */
class LaneGradientsTest {
    /** Gradients by a number of threads, after two batches on top of each other. */
    private static List<double[]> gradients(int threads, Method method, double dropout, List<MiniBatch> batches) {
        return gradients(threads, dropout, batches, TinyRun.config(method).build());
    }

    private static List<double[]> gradients(int threads, double dropout, List<MiniBatch> batches, TrainConfig config) {
        try (Model model = TinyRun.model()) {
            return gradients(threads, model, dropout, batches, config);
        }
    }

    private static List<double[]> gradients(
            int threads, Model model, double dropout, List<MiniBatch> batches, TrainConfig config) {
        LoraConfig lora = new LoraConfig(4, 8, dropout, TargetModules.allLinear(), null, false, List.of());
        try (Threads some = Threads.of(threads);
                Trainable trainable = Trainable.create(model, lora, config);
                NativeScope scope = new NativeScope()) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 10);
            List<double[]> all = new ArrayList<>();
            all.add(new double[] {trainer.findGradients(batches, 3)});
            if (trainable.adapter() != null) {
                trainable.adapter().layers().values().forEach(layer -> {
                    all.add(Tensors.toDoubles(layer.loraA().grad()));
                    all.add(Tensors.toDoubles(layer.loraB().grad()));
                });
            } else {
                for (Tensor weight : model.weights().asMap().values()) {
                    all.add(Tensors.toDoubles(weight.grad()));
                }
            }
            trainable.optimizer().zeroGrad();
            return all;
        }
    }

    private static List<MiniBatch> padded(int rows) throws Exception {
        Dataset data = TinyRun.counting(2 * rows, 4);
        return List.of(
                data.batch(IntStream.range(0, rows).toArray(), 0),
                data.batch(IntStream.range(rows, 2 * rows).toArray(), 0));
    }

    private static List<MiniBatch> packed() throws Exception {
        PackedDataset data = new PackedDataset(TinyRun.counting(20, 4), 48);
        return List.of(data.batch(new int[] {0}, 0), data.batch(new int[] {1}, 0));
    }

    private static void assertClose(List<double[]> expected, List<double[]> actual) {
        assertEquals(expected.size(), actual.size());
        double largest = expected.stream()
                .flatMapToDouble(Arrays::stream)
                .map(Math::abs)
                .max()
                .orElseThrow();
        assertTrue(largest > 1e-4, "there are gradients: " + largest);
        for (int i = 0; i < expected.size(); i++) {
            for (int j = 0; j < expected.get(i).length; j++) {
                assertEquals(expected.get(i)[j], actual.get(i)[j], 2e-6 * largest, "tensor " + i + " at " + j);
            }
        }
    }

    @Test
    void threeLanesFindTheGradientsOfOne() throws Exception {
        List<MiniBatch> batches = padded(7);
        assertClose(gradients(1, Method.LOFT, 0, batches), gradients(3, Method.LOFT, 0, batches));
    }

    @Test
    void ofAWholeModelToo() throws Exception {
        List<MiniBatch> batches = padded(5);
        assertClose(gradients(1, Method.FULL, 0, batches), gradients(3, Method.FULL, 0, batches));
    }

    @Test
    void andOneThatIsComputedAgainOnTheWayBack() throws Exception {
        List<MiniBatch> batches = padded(5);
        TrainConfig again =
                TinyRun.config(Method.FULL).gradientCheckpointing(true).build();
        assertClose(gradients(1, Method.FULL, 0, batches), gradients(3, 0, batches, again));
    }

    @Test
    void ofExamplesEndToEnd() throws Exception {
        List<MiniBatch> batches = packed();
        assertClose(gradients(1, Method.LORA, 0, batches), gradients(3, Method.LORA, 0, batches));
    }

    @Test
    void rowsOfASingleTokenPredictNothingAnywhere() throws Exception {
        List<int[]> rows = List.of(new int[] {3}, new int[] {4, 5, 6, 7}, new int[] {8, 9, 10}, new int[] {2});
        Dataset data = Dataset.causalLmIds(rows);
        List<MiniBatch> padded = List.of(data.batch(new int[] {0, 1, 2, 3}, 0));
        assertClose(gradients(1, Method.LORA, 0, padded), gradients(4, Method.LORA, 0, padded));
        PackedDataset longRows = new PackedDataset(data, 16);
        List<MiniBatch> packed = List.of(longRows.batch(new int[] {0}, 0));
        assertClose(gradients(1, Method.LORA, 0, packed), gradients(4, Method.LORA, 0, packed));
    }

    @Test
    void oneRowIsSharedWithNobody() throws Exception {
        List<MiniBatch> batches = padded(1);
        assertClose(gradients(1, Method.LORA, 0, batches), gradients(2, Method.LORA, 0, batches));
    }

    /** In bfloat16 a sum of equal shares would stop to grow at the 256th: half of the gradient would be lost. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void manyMicroBatchesOfABfloat16ModelAllCount(int threads) throws Exception {
        MiniBatch batch = padded(2).get(0);
        TrainConfig config = TinyRun.config(Method.FULL).build();
        List<double[]> once;
        List<double[]> often;
        try (Model model = TinyRun.model(Dtype.BF16)) {
            once = gradients(threads, model, 0, List.of(batch), config);
            often = gradients(threads, model, 0, Collections.nCopies(512, batch), config);
        }
        for (int i = 0; i < once.size(); i++) {
            double squared = 0;
            double off = 0;
            for (int j = 0; j < once.get(i).length; j++) {
                squared += Math.pow(once.get(i)[j], 2);
                off += Math.pow(often.get(i)[j] - once.get(i)[j], 2);
            }
            double relative = Math.sqrt(off / squared);
            assertTrue(relative <= 0.01, "tensor " + i + " is off by " + relative);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"LORA", "FULL"})
    void theOrderOfTheLanesDoesNotMatterNorDoTheirRandomNumbers(Method method) throws Exception {
        List<MiniBatch> batches = padded(8);
        List<double[]> first = gradients(4, method, 0.3, batches);
        for (int i = 0; i < 5; i++) {
            List<double[]> again = gradients(4, method, 0.3, batches);
            for (int t = 0; t < first.size(); t++) {
                assertTrue(Arrays.equals(first.get(t), again.get(t)), "tensor " + t);
            }
        }
    }
}
