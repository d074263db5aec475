package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Dataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.PackedDataset;
import org.loft4j.data.SourceTargetDataset;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** The gradient of a batch whose rows are shared out is that of the batch, whichever lane comes first. */
class LaneGradientsTest {
    @TempDir
    private Path directory;

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
                    all.add(values(layer.loraA().grad()));
                    all.add(values(layer.loraB().grad()));
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

    private static double[] values(Tensor gradient) {
        return gradient.defined() ? Tensors.toDoubles(gradient) : new double[0];
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

    /** Libtorch's generator is the whole process's: another thread may seed it, or draw from it, at any moment. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void whatIsDroppedIsNoOtherThreadsToChange(int threads) throws Exception {
        TrainConfig config = TinyRun.config(Method.LORA).build();
        List<MiniBatch> batches = padded(7);
        List<double[]> alone = gradients(threads, 0.5, batches, config);
        try (Model model = TinyRun.model()) {
            Model disturbed = (Model) Proxy.newProxyInstance(
                    Model.class.getClassLoader(),
                    new Class<?>[] {Model.class, Decoder.class},
                    (proxy, method, given) -> {
                        if (method.getName().equals("hiddenStates")) {
                            Seeds.manualSeed(System.nanoTime());
                        }
                        return method.invoke(model, given);
                    });
            List<double[]> beside = gradients(threads, disturbed, 0.5, batches, config);
            for (int i = 0; i < alone.size(); i++) {
                assertArrayEquals(alone.get(i), beside.get(i), "tensor " + i);
            }
        }
    }

    /** LoRA-FA's A asks for none. */
    @ParameterizedTest
    @EnumSource(names = {"LOFT", "LORA_FA", "DORA"})
    void threeLanesFindTheGradientsOfOne(Method method) throws Exception {
        List<MiniBatch> batches = padded(7);
        assertClose(gradients(1, method, 0, batches), gradients(3, method, 0, batches));
    }

    /** Of texts that are read and others that are written, too: each lane has the rows of both. */
    @ParameterizedTest
    @EnumSource(names = {"LOFT", "FULL"})
    void rowsOfTextsThatAreReadAndWrittenStayTogether(Method method) throws Exception {
        SourceTargetDataset data = TinyTexts.doubled(14, 4);
        List<MiniBatch> batches = List.of(
                data.batch(IntStream.range(0, 7).toArray(), 0),
                data.batch(IntStream.range(7, 14).toArray(), 0));
        TrainConfig config = TinyRun.config(method).build();
        List<List<double[]>> found = new ArrayList<>();
        for (int threads : new int[] {1, 3}) {
            try (Model model = TinyTexts.model(directory, 0)) {
                found.add(gradients(threads, model, 0, batches, config));
            }
        }
        assertClose(found.get(0), found.get(1));
        try (Model model = TinyTexts.model(directory, 0)) {
            MiniBatch whole = data.batch(IntStream.range(0, 14).toArray(), 0);
            assertClose(found.get(0), gradients(1, model, 0, List.of(whole), config));
        }
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

    private static Trainer full(Model model, Trainable trainable) {
        return new Trainer(model, trainable, TinyRun.config(Method.FULL).build(), 10);
    }

    private static Trainable all(Model model) {
        return Trainable.create(model, null, TinyRun.config(Method.FULL).build());
    }

    /** Looks at a leaf whenever a gradient comes to it. */
    private static final class Witness extends VoidTensorHook {
        private final Tensor leaf;
        private final AtomicInteger arrivals;
        private final AtomicInteger gradients;

        Witness(Tensor leaf, AtomicInteger arrivals, AtomicInteger gradients) {
            this.leaf = leaf;
            this.arrivals = arrivals;
            this.gradients = gradients;
            leaf.register_hook(this);
        }

        @Override
        public void call(TensorBase arrival) {
            try (arrival;
                    NativeScope scope = new NativeScope()) {
                arrivals.incrementAndGet();
                gradients.addAndGet(leaf.grad().defined() ? 1 : 0);
            }
        }
    }

    /** Autograd would keep a second gradient of all that is trained. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aLeafHasNoGradientWhileTheLanesAreAtWork(boolean checkpointing) throws Exception {
        TrainConfig config =
                TinyRun.config(Method.FULL).gradientCheckpointing(checkpointing).build();
        try (Threads three = Threads.of(3);
                Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, null, config);
                NativeScope scope = new NativeScope()) {
            AtomicInteger arrivals = new AtomicInteger();
            AtomicInteger gradients = new AtomicInteger();
            List<Witness> witnesses = new ArrayList<>();
            for (Tensor weight : model.weights().asMap().values()) {
                witnesses.add(new Witness(weight, arrivals, gradients));
            }
            new Trainer(model, trainable, config, 10).findGradients(padded(6), 0);
            assertEquals(2 * 3 * witnesses.size(), arrivals.get(), "one of each batch and lane");
            assertEquals(0, gradients.get(), "of " + arrivals);
            for (Tensor weight : model.weights().asMap().values()) {
                assertTrue(weight.grad().defined());
            }
        }
    }

    /** Neither an object that Java knows nor a handle of autograd's on a leaf. */
    @Test
    void trainersOneAfterTheOtherLeaveNothing() throws Exception {
        List<MiniBatch> batches = padded(4);
        try (Threads two = Threads.of(2);
                Model model = TinyRun.model()) {
            List<Long> before = holders(model);
            long alive = 0;
            for (int i = 0; i < 30; i++) {
                try (Trainable trainable = all(model)) {
                    Trainer trainer = full(model, trainable);
                    trainer.findGradients(batches, 0);
                    trainable.optimizer().zeroGrad();
                    trainer.findGradients(batches, 1);
                }
                alive = i == 1 ? LiveObjects.settled() : alive;
            }
            assertEquals(alive, LiveObjects.settled());
            assertEquals(before, holders(model));
        }
    }

    private static List<Long> holders(Model model) {
        return model.weights().asMap().values().stream().map(Tensor::use_count).toList();
    }

    /** Whose hooks are no longer there, or those of the next trainer, which come to the same node. */
    @Test
    void aGraphMayOutliveItsTrainer() throws Exception {
        List<MiniBatch> batches = padded(4);
        List<double[]> expected = gradients(2, Method.FULL, 0, batches);
        try (Threads two = Threads.of(2);
                Model model = TinyRun.model();
                NativeScope scope = new NativeScope()) {
            Tensor weight = model.weights().asMap().values().iterator().next();
            Tensor doubled;
            try (Trainable trainable = all(model)) {
                full(model, trainable).findGradients(batches, 3);
                doubled = weight.mul(new Scalar(2.0)).sum();
            }
            LiveObjects.settled();
            try (Trainable trainable = all(model)) {
                List<double[]> found = new ArrayList<>();
                found.add(new double[] {full(model, trainable).findGradients(batches, 3)});
                for (Tensor each : model.weights().asMap().values()) {
                    found.add(Tensors.toDoubles(each.grad()));
                }
                for (int i = 0; i < found.size(); i++) {
                    assertArrayEquals(expected.get(i), found.get(i), "tensor " + i);
                }
                trainable.optimizer().zeroGrad();
                doubled.backward();
                assertTrue(Arrays.stream(Tensors.toDoubles(weight.grad())).allMatch(x -> x == 2));
            }
        }
    }

    /** A fault in a hook comes through libtorch, of whichever lane it is. */
    @Test
    void aFaultWhileSharesAreAddedUpIsToldAndLeavesNoGradient() throws Exception {
        List<MiniBatch> batches = padded(6);
        try (Threads three = Threads.of(3);
                Model model = TinyRun.model();
                Trainable trainable = all(model);
                NativeScope scope = new NativeScope()) {
            Trainer trainer = full(model, trainable);
            double loss = trainer.findGradients(batches, 0);
            trainable.optimizer().zeroGrad();
            Tensor weight = model.weights().asMap().values().iterator().next();
            weight.mutable_grad().put(Tensors.of(new float[3], 3));
            RuntimeException fault = assertThrows(RuntimeException.class, () -> trainer.findGradients(batches, 0));
            assertTrue(fault.getMessage().contains("The size of tensor a (3)"), fault.getMessage());
            for (Tensor each : model.weights().asMap().values()) {
                assertFalse(each.grad().defined());
            }
            assertEquals(loss, trainer.findGradients(batches, 0));
        }
    }
}
