package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.data.BatchSource;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.SourceTargetBatch;
import org.loft4j.data.SourceTargetDataset;
import org.loft4j.nn.Model;

/** Texts that are read and others that are written, learnt in whole runs. */
class SourceTargetEndToEndTest {
    @TempDir
    private Path directory;

    private boolean translates;

    private static TrainData data() {
        return new TrainData(TinyTexts.doubled(50, 1), TinyTexts.doubled(12, 2), 0, 16);
    }

    private static TrainConfig.Builder config(Method method) {
        return TinyRun.config(method).learningRate(method == Method.FULL ? 1e-2 : 3e-2);
    }

    private Model model() throws IOException {
        Path base = directory.resolve("base");
        Files.createDirectories(base);
        return translates ? TinyTexts.translator(base) : TinyTexts.model(base, 0.1);
    }

    private TrainResult train(TrainConfig config, Path output, OnExisting onExisting, long stopAfter)
            throws IOException {
        try (Model model = model();
                TrainingRun run = TrainingRun.open(model, data(), config, TinyRun.lora(), output, onExisting)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == stopAfter) {
                        run.requestStop();
                    }
                }
            });
            return run.run();
        }
    }

    @ParameterizedTest
    @CsvSource({"LOFT, false", "FULL, false", "LOFT, true"})
    void learnsWhatToWriteAndGoesOnBitForBit(Method method, boolean ofAnotherFamily) throws IOException {
        translates = ofAnotherFamily;
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        // blocks are computed once more, with the same random numbers
        TrainConfig config = config(method)
                .gradientCheckpointing(true)
                // with every seed of twelve each learns enough
                .epochs(translates ? 12 : 6)
                .build();
        double before;
        try (Model model = model()) {
            Evaluation found = Evaluator.of(model, data(), config).evaluate(data().eval());
            assertEquals(
                    List.of("perplexity", "token_accuracy"),
                    List.copyOf(found.scores().keySet()));
            before = found.loss();
        }
        TrainResult result = train(config, whole, OnExisting.REFUSE, -1);
        assertTrue(result.lastEvaluation().get("loss") < before - 0.5, before + " → " + result.lastEvaluation());

        train(config, stopped, OnExisting.REFUSE, 7);
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(config, stopped, OnExisting.RESUME, -1).outcome());
        TrainingRunEndToEndTest.assertSameResult(method, whole, stopped, result.totalSteps());
    }

    /** The mean over what is written, whatever shares a batch; and what the gradients of a batch were taken of. */
    @Test
    void judgesByAllThatIsWritten() throws IOException {
        SourceTargetDataset rows = TinyTexts.doubled(11, 3);
        TrainConfig config = config(Method.LOFT).build();
        try (Model model = TinyTexts.model(directory, 0);
                Trainable trainable = Trainable.create(model, TinyRun.lora(), config)) {
            int[] all = IntStream.range(0, 11).toArray();
            double together = new Trainer(model, trainable, config, 10).findGradients(List.of(rows.batch(all, 0)), 0);
            long written = rows.texts().tokens()
                    - IntStream.of(all)
                            .map(i -> rows.longestSource(new int[] {i}))
                            .sum();
            for (int batchSize : new int[] {1, 2, 4, 16}) {
                Evaluation found = new Evaluator(model, 0, batchSize).evaluate(rows);
                assertEquals(together, found.loss(), 1e-5);
                assertEquals(written, found.count());
            }
        }
    }

    @Test
    void aBatchHasWhatIsReadAndWhatIsWrittenInRowsOfTheirOwn() throws IOException {
        SourceTargetDataset rows = SourceTargetDataset.ofIds(
                List.of(new int[] {5, 6, 1}, new int[] {7, 1}, new int[] {8, 9, 10, 1}),
                List.of(new int[] {5, 1}, new int[] {6, 7, 8, 1}, new int[] {9, 1}));
        SourceTargetBatch batch = rows.batch(new int[] {1, 0}, 0);
        assertEquals(2, batch.rows());
        assertEquals(List.of(7L, 1L, 0L, 5L, 6L, 1L), boxed(batch.source().inputIds()));
        assertEquals(List.of(1L, 1L, 0L, 1L, 1L, 1L), boxed(batch.source().attentionMask()));
        assertEquals(List.of(6L, 7L, 8L, 1L, 5L, 1L, -100L, -100L), boxed(batch.labels()));
        assertEquals(6, batch.targets());
        assertEquals(11, batch.tokens());
        assertEquals(2 * (3 + 4), rows.cells(new int[] {1, 0}));
        try (BatchSource batches = rows.batches(2, true, 1, 0)) {
            assertEquals(2, batches.batches());
            List<MiniBatch> made = batches.get(0, 0);
            assertEquals(SourceTargetBatch.class, made.get(0).getClass());
        }
        assertThrows(ConfigException.class, () -> SourceTargetDataset.ofIds(List.of(new int[] {1}), List.of()));
    }

    private static List<Long> boxed(long[] values) {
        return java.util.Arrays.stream(values).boxed().toList();
    }

    @Test
    void refusesWhatDoesNotFit() throws IOException {
        TrainConfig config = config(Method.LOFT).build();
        try (Model model = model()) {
            assertProblem(
                    "the training data holds no texts to read and to write, and the model is opened for seq2seq-lm: it needs"
                            + " prompts with their completions (SourceTargetDataset)",
                    model,
                    new TrainData(TinyRun.counting(8, 1), null, 0, 16),
                    config);
            assertProblem(
                    "the training data has token id 30, but the model knows only 24",
                    model,
                    new TrainData(
                            SourceTargetDataset.ofIds(List.of(new int[] {30, 1}), List.of(new int[] {5, 1})),
                            null,
                            0,
                            16),
                    config);
            assertThrows(
                    ShapeException.class,
                    () -> new Trainer(model, Trainable.create(model, TinyRun.lora(), config), config, 10)
                            .findGradients(List.of(TinyRun.counting(4, 1).batch(new int[] {0}, 0)), 0));
        }
        translates = true;
        try (Model model = model()) {
            // of 64 positions each of the two may have all
            int[] whole = IntStream.generate(() -> 5).limit(64).toArray();
            TrainData most = new TrainData(SourceTargetDataset.ofIds(List.of(whole), List.of(whole)), null, 0, 64);
            TrainingRun.requireFits(model, most, config);
            assertTrue(Double.isFinite(new Trainer(model, Trainable.create(model, TinyRun.lora(), config), config, 10)
                    .findGradients(List.of(((SourceTargetDataset) most.train()).batch(new int[] {0}, 0)), 0)));
            int[] longer = IntStream.generate(() -> 5).limit(65).toArray();
            assertProblem(
                    "the training data has a row of 65 tokens, but the model was made for 64",
                    model,
                    new TrainData(SourceTargetDataset.ofIds(List.of(whole), List.of(longer)), null, 0, 64),
                    config);
        }
        try (Model model = TinyRun.model()) {
            assertProblem(
                    "the training data holds texts to read and to write, and the model is opened for causal-lm: an"
                            + " encoder-decoder learns them",
                    model,
                    new TrainData(TinyTexts.doubled(8, 1), null, 0, 16),
                    config);
        }
    }

    private static void assertProblem(String problem, Model model, TrainData data, TrainConfig config) {
        String refusal = assertThrows(ConfigException.class, () -> TrainingRun.requireFits(model, data, config))
                .getMessage();
        assertTrue(refusal.contains(problem), refusal);
    }
}
