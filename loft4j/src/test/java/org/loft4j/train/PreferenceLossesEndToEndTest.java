package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.data.Batch;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.PreferenceDataset;
import org.loft4j.data.RowFacts;
import org.loft4j.data.RowScan;
import org.loft4j.data.RowSource;
import org.loft4j.data.StreamingDataset;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** The losses of preferences in batches, in runs without a reference, and on rows that are read as they are learnt. */
class PreferenceLossesEndToEndTest {
    @TempDir
    private Path directory;

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
    @EnumSource(value = PreferenceLoss.Kind.class, names = "KTO", mode = EnumSource.Mode.EXCLUDE)
    void pairsStayTogetherAndTheirLossDoesNotDependOnCuts(PreferenceLoss.Kind kind) throws IOException {
        PreferenceLoss loss = PreferenceLoss.of(kind).withBeta(0.3).withSftWeight(0.7);
        PreferenceDataset pairs = PreferencesEndToEndTest.upwards(5, 3);
        try (NativeScope scope = new NativeScope();
                Model model = TinyRun.model();
                Threads two = Threads.of(2)) {
            double[] reference = new Evaluator(model, 0, 3).logProbabilities(pairs.texts(), () -> false, (d, a) -> {});
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
            double whole = loss.backward(
                    (Decoder) model,
                    tensors.input(),
                    tensors.labels(),
                    ((RowFacts.Pairs) batch.facts()).reference(),
                    0.2,
                    0);
            double[] wanted = gradients(model);
            double sum = 0;
            for (BatchTensors part : parts) {
                sum += loss.backward(
                        (Decoder) model,
                        part.input(),
                        part.labels(),
                        ((RowFacts.Pairs) part.facts()).reference(),
                        0.2,
                        0);
            }
            assertEquals(whole, sum, 1e-5 * whole);
            assertArrayEquals(wanted, gradients(model), 1e-5);

            List<Batch> micro = List.of(known.batch(new int[] {0, 1, 2}, 0), known.batch(new int[] {3, 4}, 0));
            BatchLoss step = BatchLoss.over(model.task(), micro, 1, 0, loss, null);
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
        TrainConfig config = PreferencesEndToEndTest.config(Method.LORA)
                .loss(loss -> loss.withPreferences(PreferenceLoss.of(kind)))
                .build();
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        TrainResult result = train(config, whole, OnExisting.REFUSE, 0);
        assertFalse(Files.exists(whole.resolve(PreferenceReference.FILE)));
        assertTrue(result.lastEvaluation().get("accuracy") > 0.9, result.lastEvaluation()::toString);
        assertTrue(result.lastEvaluation().get("margin") > 0.1, result.lastEvaluation()::toString);
        assertTrue(Files.readString(whole.resolve("README.md"))
                .contains("preferred (" + config.loss().preferences().described() + ")"));

        assertEquals(
                TrainResult.Outcome.INTERRUPTED,
                train(config, stopped, OnExisting.REFUSE, 7).outcome());
        TrainConfig other = PreferencesEndToEndTest.config(Method.LORA)
                .loss(loss -> loss.withPreferences(PreferenceLoss.of(kind).withBeta(0.7)))
                .build();
        assertTrue(assertThrows(ConfigException.class, () -> train(other, stopped, OnExisting.RESUME, 0))
                .getMessage()
                .contains("beta was " + config.loss().preferences().beta() + " and is now 0.7"));
        TrainConfig dpo = PreferencesEndToEndTest.config(Method.LORA).build();
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
                TrainingRun run = TrainingRun.open(
                        model, PreferencesEndToEndTest.data(), config, TinyRun.lora(), output, onExisting)) {
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

    @Test
    void rowsThatAreReadAsTheyAreLearntNeedALossWithoutAReference() throws IOException {
        Path file = Files.writeString(
                directory.resolve("rows.jsonl"),
                "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n".repeat(12));
        RowSource rows = DataFiles.stream(new DataReference(file.toString()), Columns.auto());
        StreamingDataset.Encoder encoder = some -> PreferencesEndToEndTest.upwards(some.size(), 1);
        TrainData streamed = new TrainData(
                new StreamingDataset(rows, RowScan.of(rows), encoder, 8), PreferencesEndToEndTest.upwards(4, 2), 0, 16);
        try (Model model = TinyRun.model()) {
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> TrainingRun.requireFits(
                            model,
                            streamed,
                            PreferencesEndToEndTest.config(Method.LORA).build()));
            assertTrue(
                    refused.getMessage().contains("loss_type sigmoid sets answers against what the model held"),
                    refused.getMessage());
            TrainConfig orpo = PreferencesEndToEndTest.config(Method.LORA)
                    .maxSteps(0)
                    .epochs(2)
                    .batchSize(4)
                    .gradientAccumulationSteps(1)
                    .loss(loss -> loss.withPreferences(PreferenceLoss.of(PreferenceLoss.Kind.ORPO)))
                    .build();
            Path output = directory.resolve("run");
            try (TrainingRun run = TrainingRun.open(model, streamed, orpo, TinyRun.lora(), output, OnExisting.REFUSE)) {
                TrainResult result = run.run();
                assertEquals(6, result.step());
                assertTrue(result.lastEvaluation().containsKey("margin"));
            }
            assertTrue(Files.readString(output.resolve("README.md")).contains("preferred (ORPO, λ = 0.1)"));
        }
    }

    /** What a model holds of its own rewards: SimPO's are means of a token, ORPO's the logarithms of odds. */
    @Test
    void rewardsWithoutAReferenceAreThoseOfTheModelAlone() throws IOException {
        PreferenceDataset pairs = PreferencesEndToEndTest.upwards(6, 3);
        try (Model model = TinyRun.model()) {
            double[] sums = new Evaluator(model, 0, 3).logProbabilities(pairs.texts(), () -> false, (d, a) -> {});
            double mean = 0;
            double odds = 0;
            for (int i = 0; i < sums.length; i += 2) {
                double token = sums[i] / (pairs.texts().length(i) - 1);
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
}
