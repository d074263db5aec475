package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.JudgedDataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.RowScan;
import org.loft4j.data.RowSource;
import org.loft4j.data.StreamingDataset;
import org.loft4j.io.Json;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.PreferenceLoss.Kind;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** KTO in batches and in runs. */
class JudgedAnswersEndToEndTest {
    private static final PreferenceLoss KTO = PreferenceLoss.of(Kind.KTO);

    @TempDir
    private Path directory;

    /** Counting upwards is good, counting downwards is bad; two numbers are the prompt. */
    private static JudgedDataset upwards(int rows, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<int[]> prompts = new ArrayList<>();
        List<int[]> answers = new ArrayList<>();
        boolean[] good = new boolean[rows];
        for (int i = 0; i < rows; i++) {
            good[i] = i % 3 != 0;
            int start = random.nextInt(TinyRun.VOCABULARY);
            int by = good[i] ? 1 : TinyRun.VOCABULARY - 1;
            prompts.add(new int[] {random.nextInt(TinyRun.VOCABULARY), start});
            answers.add(IntStream.rangeClosed(1, random.nextInt(3, 11))
                    .map(t -> (start + t * by) % TinyRun.VOCABULARY)
                    .toArray());
        }
        return JudgedDataset.ofIds(prompts, answers, good, 16);
    }

    private static TrainData data() {
        return new TrainData(upwards(50, 1), upwards(12, 2), 0, 16);
    }

    private static TrainConfig.Builder config(Method method) {
        return PreferencesEndToEndTest.config(method).loss(loss -> loss.withPreferences(KTO));
    }

    /** What is to be found, the gradient behind the loss. */
    private static double[] found(Model model, JudgedDataset rows, TrainConfig config, int parts, int threads)
            throws IOException {
        try (Threads some = Threads.of(threads);
                NativeScope scope = new NativeScope();
                Trainable trainable = Trainable.create(model, null, config)) {
            List<MiniBatch> micro = new ArrayList<>();
            int each = rows.size() / parts;
            for (int part = 0; part < parts; part++) {
                int[] indices = IntStream.range(part * each, (part + 1) * each).toArray();
                micro.addAll(rows.trainingBatches(indices, 0, 0, 0));
            }
            List<double[]> all = new ArrayList<>();
            all.add(new double[] {new Trainer(model, trainable, config, 1).findGradients(micro, 0)});
            model.weights().asMap().values().forEach(weight -> {
                all.add(Tensors.toDoubles(
                        weight.grad().to(Dtype.F64.scalarType()).flatten()));
                weight.mutable_grad().reset();
            });
            return all.stream().flatMapToDouble(Arrays::stream).toArray();
        }
    }

    private static JudgedDataset known(Model model, JudgedDataset rows, double shift) throws IOException {
        double[] reference =
                new Evaluator(model, 0, 3).logProbabilities(rows.compared(), () -> false, (done, all) -> {});
        for (int i = 0; i < reference.length; i++) {
            reference[i] -= 3 * Math.cos(i) + shift;
        }
        return rows.withReference(reference);
    }

    /** However a step is cut, by lanes or into micro-batches: the strange answers are those of the whole step. */
    @ParameterizedTest
    @CsvSource({"1", "-4"})
    void theLossOfAStepDoesNotDependOnCuts(double shift) throws IOException {
        PreferenceLoss loss = KTO.withBeta(0.4).withWeights(1.5, 2);
        TrainConfig config = config(Method.FULL)
                .loss(settings -> settings.withPreferences(loss))
                .build();
        try (Model model = TinyRun.model(Dtype.F64)) {
            JudgedDataset rows = known(model, upwards(12, 3), shift);
            double[] now = new Evaluator(model, 0, 5).logProbabilities(rows.compared(), () -> false, (d, a) -> {});
            double[] before = rows.reference();
            double kl = 0;
            for (int i = 1; i < now.length; i += 2) {
                kl += (now[i] - before[i]) / 12;
            }
            assertEquals(shift > 0, kl > 0);
            double expected = 0;
            for (int row = 0; row < 12; row++) {
                double above = 0.4 * (now[2 * row] - before[2 * row] - Math.max(0, kl));
                boolean good = row % 3 != 0;
                expected += (good ? 1.5 : 2) / (1 + Math.exp(good ? above : -above)) / 12;
            }
            double[] whole = found(model, rows, config, 1, 1);
            assertEquals(expected, whole[0], 1e-12);
            for (int parts : List.of(1, 2, 4, 12)) {
                assertArrayEquals(whole, found(model, rows, config, parts, 2), 1e-12);
            }
            // what is told of held-out rows is the same, whatever their batches
            for (int batch : List.of(1, 5, 24)) {
                Evaluation evaluation = new Evaluator(model, 0, batch, loss).evaluate(rows);
                assertEquals(expected, evaluation.loss(), 1e-12);
                assertEquals(Math.max(0, kl), evaluation.scores().get("kl"), 1e-12);
                assertEquals(12, evaluation.count());
            }
        }
    }

    /** One batch of all rows, the answers and the strange ones in turn, is learnt as two are. */
    @Test
    void aProgramMayGiveThemAllInOneBatch() throws IOException {
        TrainConfig config = config(Method.FULL).build();
        try (Model model = TinyRun.model(Dtype.F64);
                Trainable trainable = Trainable.create(model, null, config)) {
            JudgedDataset rows = known(model, upwards(6, 3), 1);
            double apart = found(model, rows, config, 1, 1)[0];
            Trainer trainer = new Trainer(model, trainable, config, 1);
            assertEquals(
                    apart,
                    trainer.findGradients(
                            List.of(rows.batch(IntStream.range(0, 6).toArray(), 0)), 0),
                    1e-12);
        }
    }

    @Test
    void anEvaluationTellsGoodAnswersFromBadOnes() throws IOException {
        try (Model model = TinyRun.model(Dtype.F64)) {
            JudgedDataset rows = known(model, upwards(9, 3), 1);
            double[] now = new Evaluator(model, 0, 5).logProbabilities(rows.compared(), () -> false, (d, a) -> {});
            double[] sums = new double[2];
            int right = 0;
            Map<String, Double> scores =
                    new Evaluator(model, 0, 4, KTO).evaluate(rows).scores();
            for (int row = 0; row < 9; row++) {
                double ratio = now[2 * row] - rows.reference()[2 * row];
                sums[row % 3 == 0 ? 1 : 0] += 0.1 * ratio;
                right += row % 3 != 0 == ratio > scores.get("kl") ? 1 : 0;
            }
            assertEquals(sums[0] / 6, scores.get("reward_chosen"), 1e-12);
            assertEquals(sums[1] / 3, scores.get("reward_rejected"), 1e-12);
            assertEquals(sums[0] / 6 - sums[1] / 3, scores.get("margin"), 1e-12);
            assertEquals(right / 9.0, scores.get("accuracy"), 1e-12);
        }
    }

    private TrainResult train(TrainConfig config, Path output, OnExisting onExisting, long stop, List<Double> losses)
            throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(model, data(), config, TinyRun.lora(), output, onExisting)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    losses.add(event.loss());
                    if (event.step() == stop) {
                        run.requestStop();
                    }
                }
            });
            return run.run();
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Method.class,
            names = {"LOFT", "LORA", "FULL"})
    void learnsWhichAnswersAreGoodAndGoesOnBitForBit(Method method) throws IOException {
        TrainConfig config = config(method).build();
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        List<Double> losses = new ArrayList<>();
        TrainResult result = train(config, whole, OnExisting.REFUSE, 0, losses);
        // nothing has moved before the first step, but for dropout
        assertEquals(0.5, losses.get(0), method == Method.FULL ? 1e-5 : 1e-2);
        Map<String, Double> last = result.lastEvaluation();
        assertTrue(last.get("accuracy") > 0.9, last::toString);
        assertTrue(last.get("margin") > 0.1, last::toString);
        assertTrue(last.get("loss") < 0.49, last::toString);
        assertTrue(last.get("kl") >= 0, last::toString);
        assertEquals(100, Json.read(whole.resolve(PreferenceReference.FILE)).requireDoubles("train").length);
        assertTrue(Files.readString(whole.resolve("README.md"))
                .contains("which answers are good and which bad (Kahneman-Tversky optimization, β = 0.1"));

        assertEquals(
                TrainResult.Outcome.INTERRUPTED,
                train(config, stopped, OnExisting.REFUSE, 7, losses).outcome());
        TrainConfig other = config(method)
                .loss(loss -> loss.withPreferences(KTO.withWeights(1, 2)))
                .build();
        assertTrue(assertThrows(ConfigException.class, () -> train(other, stopped, OnExisting.RESUME, 0, losses))
                .getMessage()
                .contains("undesirable_weight was 1.0 and is now 2.0"));
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(config, stopped, OnExisting.RESUME, 0, losses).outcome());
        TrainingRunEndToEndTest.assertSameResult(method, whole, stopped, result.totalSteps());
    }

    private static void assertProblem(String words, Model model, TrainData data, PreferenceLoss loss) {
        TrainConfig config = PreferencesEndToEndTest.config(Method.LORA)
                .loss(settings -> settings.withPreferences(loss))
                .build();
        ConfigException refused =
                assertThrows(ConfigException.class, () -> TrainingRun.requireFits(model, data, config));
        assertTrue(refused.getMessage().contains(words), refused.getMessage());
    }

    @Test
    void refusesDataOfOtherKinds() {
        try (Model model = TinyRun.model()) {
            assertProblem(
                    "loss_type sigmoid compares two answers to a prompt, and the training data holds answers that are judged"
                            + " one by one: take loss_type kto",
                    model,
                    data(),
                    PreferenceLoss.DPO);
            assertProblem(
                    "loss_type kto learns answers that are judged one by one, and the training data holds pairs",
                    model,
                    PreferencesEndToEndTest.data(),
                    KTO);
            assertProblem(
                    "one holds pairs of answers and the other answers that are judged one by one",
                    model,
                    new TrainData(upwards(6, 1), PreferencesEndToEndTest.upwards(4, 2), 0, 16),
                    KTO);
            assertProblem(
                    "loss_type is of preferences, and the training data holds none: leave it out, or give rows with"
                            + " \"prompt\", \"completion\" and \"label\"",
                    model,
                    TinyRun.data(),
                    KTO);
            JudgedDataset good = JudgedDataset.ofIds(
                    List.of(new int[] {1}, new int[] {2}),
                    List.of(new int[] {3}, new int[] {4}),
                    new boolean[] {true, true},
                    8);
            assertProblem(
                    "all 2 answers of the training data are good, and which are good is learnt from both: add bad ones, or"
                            + " learn to answer as they do (--format prompt)",
                    model,
                    new TrainData(good, null, 0, 8),
                    KTO);
            assertProblem(
                    "all 2 answers of the evaluation data are good, and accuracy and margin need both: hold out a larger share,"
                            + " or name another file",
                    model,
                    new TrainData(upwards(6, 1), good, 0, 16),
                    KTO);
            assertProblem(
                    "the one answer of the evaluation data is bad, and accuracy and margin need both",
                    model,
                    new TrainData(upwards(6, 1), upwards(1, 1), 0, 16),
                    KTO);
        }
    }

    /** A stream is known by its first rows. */
    @Test
    void refusesJudgedAnswersThatAreStreamedForWhatTheyAre() throws IOException {
        Path file = Files.writeString(directory.resolve("rows.txt"), "a\nb\n");
        RowSource source = DataFiles.stream(new DataReference(file.toString()), Columns.auto());
        StreamingDataset rows = new StreamingDataset(source, RowScan.of(source), some -> upwards(6, 1), 2);
        TrainConfig config = config(Method.LORA).build();
        try (Model model = TinyRun.model()) {
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> TrainingRun.requireFits(model, new TrainData(rows, upwards(12, 2), 0, 16), config));
            assertEquals(
                    "loss_type kto sets answers against what the model held of them before the first step, which is not known of"
                            + " rows that are read as they are learnt: keep them in memory",
                    refused.getMessage());
        }
    }
}
