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
import org.loft4j.data.RowFacts;
import org.loft4j.io.Json;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.tensor.NativeScope;

class PreferencesEndToEndTest {
    @TempDir
    private Path directory;

    /** Counting upwards is preferred to counting downwards. */
    static PreferenceDataset upwards(int pairs, long seed) {
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

    static TrainData data() {
        return new TrainData(upwards(50, 1), upwards(12, 2), 0, 16);
    }

    static TrainConfig.Builder config(Method method) {
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
            Evaluator evaluator = new Evaluator(model, 0, 32, config.loss().preferences());
            double[] before = evaluator.logProbabilities(pairs.texts(), () -> false, (done, all) -> {});
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

    @Test
    void refusesDataOfTwoKindsAndMetricsOfOthers() {
        try (Model model = TinyRun.model()) {
            TrainData mixed = new TrainData(upwards(8, 1), TinyRun.counting(4, 2), 0, 16);
            assertProblem("the training data holds preferences, and the evaluation data texts", model, mixed, "loss");
            TrainConfig beta = TinyRun.config(Method.LOFT)
                    .loss(loss -> loss.withPreferences(PreferenceLoss.DPO.withBeta(0.2)))
                    .build();
            assertProblem("beta is of preferences, and the training data holds none", model, TinyRun.data(), beta);
            TrainConfig smoothed = config(Method.LOFT)
                    .loss(loss -> loss.withLabelSmoothing(0.5))
                    .build();
            assertProblem("label_smoothing_factor of preferences must be below 0.5", model, data(), smoothed);
            TrainConfig turned = config(Method.LOFT)
                    .loss(loss -> loss.withLabelSmoothing(0.1))
                    .loss(loss -> loss.withPreferences(PreferenceLoss.of(PreferenceLoss.Kind.ORPO)))
                    .build();
            assertProblem(
                    "label_smoothing_factor is 0.1, and loss_type orpo takes no preferences for turned round",
                    model,
                    data(),
                    turned);
            TrainConfig orpo = TinyRun.config(Method.LOFT)
                    .loss(loss -> loss.withPreferences(PreferenceLoss.of(PreferenceLoss.Kind.ORPO)))
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
        assertEquals(0, ((RowFacts.Pairs) batch.facts()).reference().length);
        try (NativeScope scope = new NativeScope();
                Model model = TinyRun.model()) {
            BatchTensors tensors = BatchTensors.of(batch, model);
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> PreferenceLoss.DPO.backward(
                            (Decoder) model,
                            tensors.input(),
                            tensors.labels(),
                            ((RowFacts.Pairs) batch.facts()).reference(),
                            1,
                            0));
            assertTrue(refused.getMessage().contains("PreferenceDataset.withReference comes first"));
        }
        assertThrows(ConfigException.class, () -> pairs.withReference(new double[3]));
        assertThrows(ConfigException.class, () -> new PreferenceDataset(TinyRun.counting(3, 1)));
    }
}
