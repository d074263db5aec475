package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.data.PackedDataset;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class TrainerTest {
    private static final LoraConfig NO_DROPOUT = LoraConfig.of(4, 8, TargetModules.allLinear());

    private static Batch batch(Dataset data, int... indices) {
        return Batch.collate(data, indices, 0);
    }

    /** Everything that training may change, as doubles by name. */
    private static Map<String, double[]> snapshot(Model model, Trainable trainable) {
        Map<String, double[]> values = new LinkedHashMap<>();
        model.weights().asMap().forEach((name, tensor) -> values.put("model " + name, Tensors.toDoubles(tensor)));
        var adapter = trainable.adapter();
        if (adapter != null) {
            adapter.layers().forEach((path, layer) -> {
                values.put("A " + path, Tensors.toDoubles(layer.loraA()));
                values.put("B " + path, Tensors.toDoubles(layer.loraB()));
            });
        }
        trainable.optimizer().state().forEach((name, tensor) -> values.put("state " + name, Tensors.toDoubles(tensor)));
        return values;
    }

    private static void assertSame(Map<String, double[]> expected, Map<String, double[]> actual, double tolerance) {
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach((name, values) -> assertArrayEquals(values, actual.get(name), tolerance, name));
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void microBatchesOfUnequalLengthAreOneBatch(Method method) {
        Dataset data = TinyRun.counting(12, 3);
        int[] rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        TrainConfig config =
                TrainConfig.builder(method).maxGradNorm(0).eps(1e-4).build();
        try (Model one = TinyRun.model();
                Trainable whole = Trainable.create(one, NO_DROPOUT, config);
                Model other = TinyRun.model();
                Trainable parts = Trainable.create(other, NO_DROPOUT, config)) {
            whole.setTraining(true);
            parts.setTraining(true);
            StepResult a = new Trainer(one, whole, config, 4).step(List.of(batch(data, rows)), 0);
            StepResult b = new Trainer(other, parts, config, 4)
                    .step(List.of(batch(data, 0, 1, 2, 3, 4, 5, 6), batch(data, 7), batch(data, 8, 9, 10, 11)), 0);
            assertEquals(a.loss(), b.loss(), 1e-5);
            assertEquals(a.tokens(), b.tokens());
            assertEquals(
                    a.report().gradNorm(),
                    b.report().gradNorm(),
                    1e-5 * a.report().gradNorm());
            assertSame(snapshot(one, whole), snapshot(other, parts), 2e-5);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"LOFT", "DORA", "FULL"})
    void packedExamplesAreOneBatch(Method method) {
        Dataset data = TinyRun.counting(12, 3);
        PackedDataset packed = new PackedDataset(data, 16);
        int[] rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        int[] packs = java.util.stream.IntStream.range(0, packed.size()).toArray();
        TrainConfig config =
                TrainConfig.builder(method).maxGradNorm(0).eps(1e-4).build();
        TrainConfig recomputed = TrainConfig.builder(method)
                .maxGradNorm(0)
                .eps(1e-4)
                .gradientCheckpointing(true)
                .build();
        try (Model one = TinyRun.model();
                Trainable whole = Trainable.create(one, NO_DROPOUT, config);
                Model other = TinyRun.model();
                Trainable together = Trainable.create(other, NO_DROPOUT, config)) {
            whole.setTraining(true);
            together.setTraining(true);
            StepResult a = new Trainer(one, whole, config, 4).step(List.of(batch(data, rows)), 0);
            StepResult b = new Trainer(other, together, recomputed, 4).step(List.of(packed.batch(packs, 0)), 0);
            assertEquals(a.loss(), b.loss(), 1e-5);
            assertEquals(a.tokens(), b.tokens());
            assertSame(snapshot(one, whole), snapshot(other, together), 2e-5);
        }
    }

    @Test
    void theLossIsTheMeanOverTheTokensThatAreTargets() {
        Dataset data = TinyRun.counting(4, 3);
        Batch all = batch(data, 0, 1, 2, 3);
        long[] labels = all.labels().clone();
        for (int i = 0; i < labels.length; i += 2) {
            labels[i] = Losses.IGNORED;
        }
        long targets = IntStream.range(0, labels.length)
                .filter(i -> i % all.columns() != 0 && labels[i] != Losses.IGNORED)
                .count();
        Batch masked = new Batch(
                all.rows(), all.columns(), all.inputIds(), all.attentionMask(), labels, all.tokens(), targets);
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, NO_DROPOUT, config);
                NativeScope scope = new NativeScope()) {
            BatchTensors tensors = BatchTensors.of(masked, model);
            double expected = Losses.causalLm(model.logits(tensors.input()), tensors.labels())
                    .item_double();
            StepResult step = new Trainer(model, trainable, config, 4).step(List.of(masked), 0);
            assertEquals(expected, step.loss(), 1e-6);
        }
    }

    /** As a benchmark has them take turns. */
    @Test
    void severalTakeTurnsOnAModelEachByItsOwnAdapter() {
        Batch batch = batch(TinyRun.counting(2, 3), 0, 1);
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        try (Model model = TinyRun.model();
                Trainable first = Trainable.create(model, NO_DROPOUT, config);
                Trainable second = Trainable.create(model, NO_DROPOUT, config)) {
            double loss = 0;
            for (Trainable each : List.of(first, second)) {
                Objects.requireNonNull(each.adapter()).attach();
                loss = new Trainer(model, each, config, 4)
                                .step(List.of(batch), 0)
                                .loss()
                        - loss;
            }
            assertEquals(0, loss);
        }
    }

    @Test
    void aBatchWithoutTargetsHasNoLossAndNoGradient() {
        Batch all = batch(TinyRun.counting(2, 3), 0, 1);
        long[] labels = new long[all.labels().length];
        java.util.Arrays.fill(labels, Losses.IGNORED);
        Batch none = new Batch(all.rows(), all.columns(), all.inputIds(), all.attentionMask(), labels, all.tokens(), 0);
        TrainConfig config = TrainConfig.builder(Method.LOFT).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, NO_DROPOUT, config)) {
            StepResult step = new Trainer(model, trainable, config, 4).step(List.of(none), 0);
            assertEquals(0, step.loss());
            assertEquals(0, step.report().gradNorm());
            assertFalse(step.report().skipped());
        }
    }

    /** An evaluation sorts rows by length: a whole batch of them is not rare. */
    @Test
    void rowsOfOneTokenPredictNothing() throws IOException {
        Dataset longer = Dataset.causalLmIds(List.of(new int[] {1, 2, 3}, new int[] {4, 5}));
        Dataset mixed =
                Dataset.causalLmIds(List.of(new int[] {6}, new int[] {1, 2, 3}, new int[] {7}, new int[] {4, 5}));
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, NO_DROPOUT, config)) {
            StepResult step = new Trainer(model, trainable, config, 4).step(List.of(batch(mixed, 0)), 0);
            assertEquals(0, step.loss());
            assertEquals(0, step.report().gradNorm());
            Evaluation expected = new Evaluator(model, 0, 2).evaluate(longer);
            assertEquals(
                    expected.loss(), new Evaluator(model, 0, 2).evaluate(mixed).loss(), 1e-6);
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aGradientThatIsNotFiniteChangesNothing(Method method) {
        Dataset data = TinyRun.counting(8, 3);
        TrainConfig config = TrainConfig.builder(method).weightDecay(0.1).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, NO_DROPOUT, config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 10);
            List<Batch> batches = List.of(batch(data, 0, 1, 2, 3), batch(data, 4, 5, 6, 7));
            trainer.step(batches, 0);
            Tensor norm = model.weights().get("model.norm.weight");
            double[] finite = Tensors.toDoubles(norm);
            double[] infinite = finite.clone();
            infinite[3] = Double.POSITIVE_INFINITY;
            set(norm, infinite);
            Map<String, double[]> before = snapshot(model, trainable);
            StepResult step = trainer.step(batches, 1);
            assertTrue(step.report().skipped());
            assertSame(before, snapshot(model, trainable), 0);
            set(norm, finite);
            assertFalse(trainer.step(batches, 2).report().skipped());
        }
    }

    /** One row is not shared out over lanes: what autograd had added up would stay. */
    @Test
    void whoGoesOnAfterAFaultStartsFromNothing() {
        Dataset data = TinyRun.counting(8, 3);
        Batch unknown = batch(Dataset.causalLmIds(List.of(new int[] {1, 2, TinyRun.VOCABULARY + 5, 3})), 0);
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, NO_DROPOUT, config);
                Model untouched = TinyRun.model();
                Trainable other = Trainable.create(untouched, NO_DROPOUT, config)) {
            Trainer trainer = new Trainer(model, trainable, config, 10);
            assertThrows(RuntimeException.class, () -> trainer.step(List.of(batch(data, 0), unknown), 0));
            StepResult after = trainer.step(List.of(batch(data, 1)), 0);
            StepResult expected = new Trainer(untouched, other, config, 10).step(List.of(batch(data, 1)), 0);
            assertEquals(expected.report().gradNorm(), after.report().gradNorm());
            assertSame(snapshot(untouched, other), snapshot(model, trainable), 0);
        }
    }

    private static void set(Tensor weight, double[] values) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            weight.copy_(Tensors.of(values, values.length));
        }
    }

    @Test
    void dropoutIsAFunctionOfSeedAndStep() {
        List<Batch> batches = List.of(batch(TinyRun.counting(8, 3), 0, 1, 2, 3, 4, 5, 6, 7));
        TrainConfig config = TrainConfig.builder(Method.LORA).learningRate(0.1).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, TinyRun.lora(), config)) {
            trainable.setTraining(true);
            // after the one step of this run B is no longer zero, and the learning rate is
            Trainer trainer = new Trainer(model, trainable, config, 1);
            trainer.step(batches, 0);
            double first = trainer.step(batches, 7).loss();
            double other = trainer.step(batches, 8).loss();
            double again = trainer.step(batches, 7).loss();
            assertEquals(first, again, 1e-6);
            assertNotEquals(first, other, 1e-4);
        }
    }

    @Test
    void theLearningRateRisesAndFalls() {
        assertRisesOverTwoOfTen(TrainConfig.builder(Method.LOFT).warmupRatio(0.2));
        assertRisesOverTwoOfTen(TrainConfig.builder(Method.LOFT).warmupSteps(2));
    }

    private static void assertRisesOverTwoOfTen(TrainConfig.Builder builder) {
        List<Batch> batches = List.of(batch(TinyRun.counting(2, 3), 0, 1));
        TrainConfig config = builder.learningRate(1e-3).build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, NO_DROPOUT, config)) {
            Trainer trainer = new Trainer(model, trainable, config, 10);
            double[] rates = new double[10];
            for (int step = 0; step < 10; step++) {
                rates[step] = trainer.step(batches, step).learningRate();
            }
            assertArrayEquals(
                    new double[] {5e-4, 1e-3, 1e-3, 8.75e-4, 7.5e-4, 6.25e-4, 5e-4, 3.75e-4, 2.5e-4, 1.25e-4},
                    rates,
                    1e-12);
        }
    }

    @Test
    void aWarmupOfAPartOfAStepTakesTheWholeStep() {
        TrainConfig config = TrainConfig.builder(Method.LORA)
                .warmupRatio(0.1)
                .learningRate(3e-3)
                .build();
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, NO_DROPOUT, config)) {
            trainable.setTraining(true);
            Batch two = batch(TinyRun.counting(2, 3), 0, 1);
            // a tenth of 25 steps are three
            assertEquals(
                    1e-3,
                    new Trainer(model, trainable, config, 25)
                            .step(List.of(two), 0)
                            .learningRate(),
                    1e-15);
        }
    }
}
