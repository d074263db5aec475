package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.io.Json;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

class PreferencesEndToEndTest {
    @TempDir
    private Path directory;

    /** Counting upwards is preferred to counting downwards. */
    private static PreferenceDataset upwards(int pairs, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<int[]> answers = new ArrayList<>();
        for (int i = 0; i < pairs; i++) {
            int start = random.nextInt(TinyRun.VOCABULARY);
            answers.add(counted(start, 1, random.nextInt(4, 13)));
            answers.add(counted(start, TinyRun.VOCABULARY - 1, random.nextInt(4, 13)));
        }
        return new PreferenceDataset(Dataset.causalLmIds(answers));
    }

    private static int[] counted(int start, int by, int length) {
        int[] ids = new int[length];
        for (int t = 0; t < length; t++) {
            ids[t] = (start + t * by) % TinyRun.VOCABULARY;
        }
        return ids;
    }

    private static TrainData data() {
        return new TrainData(upwards(50, 1), upwards(12, 2), 0, 16);
    }

    private static TrainConfig.Builder config(Method method) {
        return TinyRun.config(method).metricForBest("accuracy");
    }

    private TrainResult train(Method method, Path output, OnExisting onExisting, TrainListener... listeners)
            throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run =
                        TrainingRun.open(model, data(), config(method).build(), TinyRun.lora(), output, onExisting)) {
            for (TrainListener listener : listeners) {
                run.addListener(listener);
            }
            return run.run();
        }
    }

    /** Stops a run after a step. */
    private void trainUpTo(Method method, Path output, long step) throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(
                        model, data(), config(method).build(), TinyRun.lora(), output, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == step) {
                        run.requestStop();
                    }
                }
            });
            assertEquals(TrainResult.Outcome.INTERRUPTED, run.run().outcome());
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Method.class,
            names = {"LOFT", "LORA", "FULL"})
    void learnsWhatIsPreferredAndGoesOnBitForBit(Method method) throws IOException {
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        List<Double> losses = new ArrayList<>();
        TrainResult result = train(method, whole, OnExisting.REFUSE, new TrainListener() {
            @Override
            public void onStep(StepEvent event) {
                losses.add(event.loss());
            }
        });
        // nothing has moved before the first step, but for dropout
        assertEquals(Math.log(2), losses.get(0), method == Method.FULL ? 1e-5 : 1e-2);
        assertTrue(result.lastEvaluation().get("accuracy") > 0.9, result.lastEvaluation()::toString);
        assertTrue(result.lastEvaluation().get("margin") > 0.1, result.lastEvaluation()::toString);
        assertEquals(
                result.lastEvaluation().get("margin"),
                result.lastEvaluation().get("reward_chosen")
                        - result.lastEvaluation().get("reward_rejected"),
                1e-9);

        assertTrue(Files.readString(whole.resolve("README.md")).contains("direct preference optimization, β = 0.1"));

        trainUpTo(method, stopped, 7);
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(method, stopped, OnExisting.RESUME).outcome());
        TrainingRunEndToEndTest.assertSameResult(method, whole, stopped, result.totalSteps());
    }

    @Test
    void aRunThatLacksItsReferenceCannotGoOn() throws IOException {
        trainUpTo(Method.LOFT, directory, 5);
        Path reference = directory.resolve(PreferenceReference.FILE);
        assertEquals(100, Json.read(reference).requireDoubles("train").length);
        String text = Files.readString(reference);

        Files.writeString(reference, "{\"train\": [1.0], \"eval\": [2.0]}");
        assertTrue(assertThrows(CheckpointException.class, () -> train(Method.LOFT, directory, OnExisting.RESUME))
                .getMessage()
                .contains("has 1 log-probabilities for the 100 answers of the train data"));

        Files.writeString(reference, text);
        double first = Json.read(reference).requireDoubles("train")[0];
        Files.writeString(reference, text.replaceFirst(String.valueOf(first), String.valueOf(first - 1)));
        assertTrue(assertThrows(CheckpointException.class, () -> train(Method.LOFT, directory, OnExisting.RESUME))
                .getMessage()
                .contains("reference.json: is damaged: its numbers are others than were written"));

        Files.delete(reference);
        assertTrue(assertThrows(CheckpointException.class, () -> train(Method.LOFT, directory, OnExisting.RESUME))
                .getMessage()
                .contains("reference.json: is missing"));

        Files.writeString(reference, text);
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(Method.LOFT, directory, OnExisting.RESUME).outcome());
    }

    @Test
    void aStopBeforeTheFirstStepLeavesNothingToGoOnFrom() throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(
                        model, data(), config(Method.LOFT).build(), TinyRun.lora(), directory, OnExisting.REFUSE)) {
            run.requestStop();
            TrainResult result = run.run();
            assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
            assertEquals(0, result.step());
            assertNull(result.checkpoint());
            assertEquals("stopped before the first step; the same call begins anew", result.summary());
        }
        assertFalse(OnExisting.holdsRun(directory));
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(Method.LOFT, directory, OnExisting.REFUSE).outcome());
    }

    @Test
    void aStopAmongTheAnswersIsOneBeforeTheFirstStep() throws IOException {
        List<Integer> seen = new ArrayList<>();
        TrainConfig few = config(Method.LOFT).evalBatchSize(20).build();
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(model, data(), few, TinyRun.lora(), directory, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onReferenceProgress(int done, int all) {
                    // those to learn from and those held out are counted as one
                    assertEquals(124, all);
                    assertTrue(run.awaitsReference());
                    seen.add(done);
                    // the last of them, whose end is that of the reference
                    if (done == 120) {
                        run.requestStop();
                    }
                }

                @Override
                public void onEvaluationProgress(long step, int done, int all) {
                    throw new AssertionError("nothing is judged yet");
                }
            });
            assertEquals(0, run.run().step());
        }
        assertEquals(List.of(0, 20, 40, 60, 80, 100, 120), seen);
        assertFalse(Files.exists(directory.resolve(PreferenceReference.FILE)));
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(Method.LOFT, directory, OnExisting.RESUME).outcome());
    }

    @Test
    void aRunTakesTheReferenceThatItsRowsBring() throws IOException {
        PreferenceDataset pairs = upwards(50, 1);
        double[] given = new double[100];
        Arrays.setAll(given, i -> -i);
        TrainData known = new TrainData(pairs.withReference(given), upwards(12, 2), 0, 16);
        List<Integer> looked = new ArrayList<>();
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(
                        model, known, config(Method.LORA).build(), TinyRun.lora(), directory, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onReferenceProgress(int done, int all) {
                    looked.add(all);
                }

                @Override
                public void onStep(StepEvent event) {
                    assertFalse(run.awaitsReference());
                    run.requestStop();
                }
            });
            assertEquals(1, run.run().step());
        }
        // at the held-out rows alone
        assertEquals(List.of(24), looked.stream().distinct().toList());
        assertArrayEquals(
                given, Json.read(directory.resolve(PreferenceReference.FILE)).requireDoubles("train"));
        ConfigException refused = assertThrows(ConfigException.class, () -> {
            given[3] = Double.NEGATIVE_INFINITY;
            pairs.withReference(given);
        });
        assertTrue(refused.getMessage().startsWith("of 1 of 100 answers the model gives no finite log-probability"));
    }

    @Test
    void aTrainerLearnsThemWithoutADirectory() throws IOException {
        TrainConfig config = config(Method.LOFT).build();
        PreferenceDataset pairs = upwards(16, 1);
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, TinyRun.lora(), config)) {
            Evaluator evaluator = new Evaluator(model, 0, 32, config.preferenceLoss());
            double[] before = evaluator.logProbabilities(pairs.answers(), () -> false, (done, all) -> {});
            PreferenceDataset ready = pairs.withReference(before);
            assertEquals(Math.log(2), evaluator.evaluate(ready).loss(), 1e-6);
            Trainer trainer = new Trainer(model, trainable, config, 20);
            trainable.setTraining(true);
            Batch all = ready.batch(IntStream.range(0, 16).toArray(), 0);
            for (int step = 0; step < 20; step++) {
                trainer.step(List.of(all), step);
            }
            trainable.setTraining(false);
            assertTrue(evaluator.evaluate(ready).scores().get("margin") > 0.1);
        }
    }

    private static double[] gradients(Model model) {
        List<double[]> all = new ArrayList<>();
        model.weights().asMap().values().forEach(weight -> {
            all.add(Tensors.toDoubles(weight.grad().to(Dtype.F64.scalarType()).flatten()));
            weight.mutable_grad().reset();
        });
        return all.stream().flatMapToDouble(Arrays::stream).toArray();
    }

    /** However the pairs are cut: by lanes, into micro-batches of two sizes, or into batches of an evaluation. */
    @ParameterizedTest
    @EnumSource(PreferenceLoss.Kind.class)
    void pairsStayTogetherAndTheirLossDoesNotDependOnCuts(PreferenceLoss.Kind kind) throws IOException {
        PreferenceLoss loss = PreferenceLoss.of(kind).withBeta(0.3).withSftWeight(0.7);
        PreferenceDataset pairs = upwards(5, 3);
        try (NativeScope scope = new NativeScope();
                Model model = TinyRun.model();
                Threads two = Threads.of(2)) {
            double[] reference =
                    new Evaluator(model, 0, 3).logProbabilities(pairs.answers(), () -> false, (d, a) -> {});
            for (int i = 0; i < reference.length; i++) {
                reference[i] += Math.cos(i);
            }
            PreferenceDataset known = kind.hasReference() ? pairs.withReference(reference) : pairs;
            Batch batch = known.batch(new int[] {0, 1, 2, 3, 4}, 0);
            assertEquals(10, batch.rows());
            assertEquals(5, batch.targets());
            BatchTensors tensors = BatchTensors.of(batch, model);
            List<BatchTensors> parts = tensors.split(2);
            assertEquals(
                    List.of(4L, 6L),
                    parts.stream().map(part -> part.labels().size(0)).toList());
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            double whole = loss.backward((Decoder) model, tensors.input(), tensors.labels(), batch.reference(), 0.2, 0);
            double[] wanted = gradients(model);
            double sum = 0;
            for (BatchTensors part : parts) {
                sum += loss.backward((Decoder) model, part.input(), part.labels(), part.reference(), 0.2, 0);
            }
            assertEquals(whole, sum, 1e-5 * whole);
            assertArrayEquals(wanted, gradients(model), 1e-5);

            List<Batch> micro = List.of(known.batch(new int[] {0, 1, 2}, 0), known.batch(new int[] {3, 4}, 0));
            BatchLoss step = BatchLoss.over(model.task(), micro, 1, 0, loss);
            double mean = 0;
            for (Batch some : micro) {
                mean += step.backward(model, BatchTensors.of(some, model));
            }
            assertEquals(whole / 5, mean, 1e-5 * whole);
            assertArrayEquals(wanted, gradients(model), 1e-5);

            Evaluation evaluation = new Evaluator(model, 0, 2, loss).evaluate(known);
            assertEquals(whole / 5, evaluation.loss(), 1e-5 * whole);
            assertEquals(5, evaluation.count());
        }
    }

    /** A run without a reference looks at nothing before, keeps nothing of it, and goes on bit for bit. */
    @ParameterizedTest
    @EnumSource(
            value = PreferenceLoss.Kind.class,
            names = {"SIMPO", "ORPO"})
    void aLossWithoutAReferenceAsksForNone(PreferenceLoss.Kind kind) throws IOException {
        TrainConfig config =
                config(Method.LORA).preferenceLoss(PreferenceLoss.of(kind)).build();
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        TrainResult result = train(config, whole, OnExisting.REFUSE, 0);
        assertFalse(Files.exists(whole.resolve(PreferenceReference.FILE)));
        assertTrue(result.lastEvaluation().get("accuracy") > 0.9, result.lastEvaluation()::toString);
        assertTrue(result.lastEvaluation().get("margin") > 0.1, result.lastEvaluation()::toString);
        assertTrue(Files.readString(whole.resolve("README.md"))
                .contains("preferred (" + config.preferenceLoss().described() + ")"));

        assertEquals(
                TrainResult.Outcome.INTERRUPTED,
                train(config, stopped, OnExisting.REFUSE, 7).outcome());
        TrainConfig other = config(Method.LORA)
                .preferenceLoss(PreferenceLoss.of(kind).withBeta(0.7))
                .build();
        assertTrue(assertThrows(ConfigException.class, () -> train(other, stopped, OnExisting.RESUME, 0))
                .getMessage()
                .contains("beta was " + config.preferenceLoss().beta() + " and is now 0.7"));
        TrainConfig dpo = config(Method.LORA).build();
        assertTrue(assertThrows(ConfigException.class, () -> train(dpo, stopped, OnExisting.RESUME, 0))
                .getMessage()
                .contains("loss_type was " + kind.word() + " and is now sigmoid"));
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(config, stopped, OnExisting.RESUME, 0).outcome());
        TrainingRunEndToEndTest.assertSameResult(Method.LORA, whole, stopped, result.totalSteps());
    }

    /** @param stop step after which the run is stopped; 0 for none */
    private static TrainResult train(TrainConfig config, Path output, OnExisting onExisting, long stop)
            throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(model, data(), config, TinyRun.lora(), output, onExisting)) {
            assertFalse(run.awaitsReference());
            run.addListener(new TrainListener() {
                @Override
                public void onReferenceProgress(int done, int all) {
                    throw new AssertionError("nothing is to be known before");
                }

                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == stop) {
                        run.requestStop();
                    }
                }
            });
            return run.run();
        }
    }

    /** What a model holds of its own rewards: SimPO's are means of a token, ORPO's the logarithms of odds. */
    @Test
    void rewardsWithoutAReferenceAreThoseOfTheModelAlone() throws IOException {
        PreferenceDataset pairs = upwards(6, 3);
        try (Model model = TinyRun.model()) {
            double[] sums = new Evaluator(model, 0, 3).logProbabilities(pairs.answers(), () -> false, (d, a) -> {});
            double mean = 0;
            double odds = 0;
            for (int i = 0; i < sums.length; i += 2) {
                double token = sums[i] / (pairs.answers().length(i) - 1);
                mean += token / 6;
                odds += Math.log(Math.exp(token) / (1 - Math.exp(token))) / 6;
            }
            PreferenceLoss simpo = PreferenceLoss.of(PreferenceLoss.Kind.SIMPO);
            PreferenceLoss orpo = PreferenceLoss.of(PreferenceLoss.Kind.ORPO);
            assertEquals(
                    2 * mean,
                    new Evaluator(model, 0, 4, simpo).evaluate(pairs).scores().get("reward_chosen"),
                    1e-5);
            assertEquals(
                    odds,
                    new Evaluator(model, 0, 4, orpo).evaluate(pairs).scores().get("reward_chosen"),
                    1e-5);
        }
    }

    @Test
    void refusesDataOfTwoKindsAndMetricsOfOthers() {
        try (Model model = TinyRun.model()) {
            TrainData mixed = new TrainData(upwards(8, 1), TinyRun.counting(4, 2), 0, 16);
            assertProblem("the training data holds preferences, and the evaluation data texts", model, mixed, "loss");
            TrainConfig beta = TinyRun.config(Method.LOFT)
                    .preferenceLoss(PreferenceLoss.DPO.withBeta(0.2))
                    .build();
            assertProblem("beta is of preferences, and the training data holds none", model, TinyRun.data(), beta);
            TrainConfig smoothed = config(Method.LOFT).labelSmoothing(0.5).build();
            assertProblem("label_smoothing_factor of preferences must be below 0.5", model, data(), smoothed);
            TrainConfig turned = config(Method.LOFT)
                    .labelSmoothing(0.1)
                    .preferenceLoss(PreferenceLoss.of(PreferenceLoss.Kind.ORPO))
                    .build();
            assertProblem(
                    "label_smoothing_factor is 0.1, and loss_type orpo takes no preferences for turned round",
                    model,
                    data(),
                    turned);
            TrainConfig orpo = TinyRun.config(Method.LOFT)
                    .preferenceLoss(PreferenceLoss.of(PreferenceLoss.Kind.ORPO))
                    .build();
            assertProblem("loss_type is of preferences, and the training data holds none", model, TinyRun.data(), orpo);
            assertProblem(
                    "metric_for_best_model must be one of loss, accuracy, margin for this task, got perplexity",
                    model,
                    data(),
                    "perplexity");
        }
    }

    private void assertProblem(String words, Model model, TrainData data, String metric) {
        assertProblem(
                words,
                model,
                data,
                TinyRun.config(Method.LOFT).metricForBest(metric).build());
    }

    private void assertProblem(String words, Model model, TrainData data, TrainConfig config) {
        ConfigException refused = assertThrows(
                ConfigException.class,
                () -> TrainingRun.open(model, data, config, TinyRun.lora(), directory, OnExisting.REFUSE));
        assertTrue(refused.getMessage().contains(words), refused.getMessage());
    }

    @Test
    void refusesBatchesWithoutAReference() {
        PreferenceDataset pairs = upwards(3, 1);
        assertEquals(3, pairs.size());
        Batch batch = pairs.batch(new int[] {0}, 0);
        assertEquals(0, batch.reference().length);
        try (NativeScope scope = new NativeScope();
                Model model = TinyRun.model()) {
            BatchTensors tensors = BatchTensors.of(batch, model);
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> PreferenceLoss.DPO.backward(
                            (Decoder) model, tensors.input(), tensors.labels(), batch.reference(), 1, 0));
            assertTrue(refused.getMessage().contains("PreferenceDataset.withReference comes first"));
        }
        assertThrows(ConfigException.class, () -> pairs.withReference(new double[3]));
        assertThrows(ConfigException.class, () -> new PreferenceDataset(TinyRun.counting(3, 1)));
    }
}
