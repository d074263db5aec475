package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.MatchPrompts;
import org.loft4j.data.TextMatch;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.nn.MatchLoss;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;

class MatchesEndToEndTest {
    @TempDir
    private Path directory;

    private static TrainData data() {
        return new TrainData(TinyMatches.alike(50, 1), TinyMatches.alike(20, 2), 0, 16);
    }

    private static TrainConfig.Builder config(Method method) {
        return TinyRun.config(method)
                .evalBatchSize(8)
                .metricForBest("mrr_at_10")
                .learningRate(method == Method.FULL ? 1e-3 : 3e-2);
    }

    private Model model() throws IOException {
        Path base = directory.resolve("base");
        Files.createDirectories(base);
        return TinyMatches.model(base, Dtype.F32, 0.1);
    }

    private TrainResult train(TrainConfig config, TrainData data, Path output, OnExisting onExisting, long stopAfter)
            throws IOException {
        try (Model model = model();
                TrainingRun run = TrainingRun.open(model, data, config, TinyRun.lora(), output, onExisting)) {
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
    @EnumSource(
            value = Method.class,
            names = {"LOFT", "FULL"})
    void learnsWhatBelongsTogetherAndGoesOnBitForBit(Method method) throws IOException {
        Path whole = directory.resolve("whole");
        Path stopped = directory.resolve("stopped");
        TrainConfig config = config(method).build();
        double before;
        try (Model model = model()) {
            before = Evaluator.of(model, data(), config).evaluate(data().eval()).loss();
        }
        TrainResult result = train(config, data(), whole, OnExisting.REFUSE, -1);
        assertEquals(
                List.of("loss", "accuracy_at_1", "recall_at_10", "mrr_at_10"),
                List.copyOf(result.lastEvaluation().keySet()).subList(0, 4));
        assertTrue(result.lastEvaluation().get("loss") < before - 0.2, before + " → " + result.lastEvaluation());

        train(config, data(), stopped, OnExisting.REFUSE, 7);
        assertEquals(
                TrainResult.Outcome.FINISHED,
                train(config, data(), stopped, OnExisting.RESUME, -1).outcome());
        TrainingRunEndToEndTest.assertSameResult(method, whole, stopped, result.totalSteps());
    }

    @Test
    void judgesByTheLossAmongAllRows() throws IOException {
        MatchDataset rows = TinyMatches.alike(11, 3);
        TrainConfig config = config(Method.LOFT).build();
        try (Model model = model();
                Trainable trainable = Trainable.create(model, TinyRun.lora(), config)) {
            Trainer trainer = new Trainer(model, trainable, config, 10);
            int[] all = IntStream.range(0, 11).toArray();
            double together = trainer.findGradients(List.of(rows.batch(all, 0)), 0);
            Evaluation found = new Evaluator(model, 0, 4).evaluate(rows);
            assertEquals(together, found.loss(), 1e-5);
            assertEquals(11, found.count());
            List<Double> alone = new ArrayList<>(
                    new Evaluator(model, 0, 2).evaluate(rows).scores().values());
            assertEquals(alone, new ArrayList<>(found.scores().values()), "what is found knows no batches");
            assertEquals(found.loss(), new Evaluator(model, 0, 2).evaluate(rows).loss(), 1e-6);
        }
    }

    /** A text that searches has another prompt, and so another vector, than the same text where it is to be found. */
    @Test
    void judgesATextByWhatStandsBeforeIt() throws IOException {
        List<TextMatch> rows = List.of(
                new TextMatch("the cat", "a dog"),
                new TextMatch("a dog", "the cat"),
                new TextMatch("a cat", "on the mat"));
        TrainConfig config = config(Method.LOFT).build();
        try (Tokenizer tokenizer = Tokenizer.open(Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece"));
                Model model = model();
                Trainable trainable = Trainable.create(model, TinyRun.lora(), config)) {
            MatchDataset prompted = MatchDataset.of(rows, tokenizer, 12, new MatchPrompts("sat ", "ran "));
            double together = new Trainer(model, trainable, config, 10)
                    .findGradients(List.of(prompted.batch(new int[] {0, 1, 2}, 0)), 0);
            assertEquals(together, new Evaluator(model, 0, 4).evaluate(prompted).loss(), 1e-5);
            assertTrue(together > 1e-2, "nothing is told apart: " + together);
        }
    }

    /** By its first numbers a model that has learnt that loses little, and is judged so as if it had no others. */
    @Test
    void judgesByTheFirstNumbersAlone() throws IOException {
        MatchDataset rows = TinyMatches.alike(11, 3);
        TrainConfig config = config(Method.LOFT)
                .loss(loss -> loss.withMatches(loss.matches().withLengths(List.of(6))))
                .build();
        try (Model model = model();
                Trainable trainable = Trainable.create(model, TinyRun.lora(), config)) {
            int[] all = IntStream.range(0, 11).toArray();
            double together = new Trainer(model, trainable, config, 10).findGradients(List.of(rows.batch(all, 0)), 0);
            Evaluator evaluator = new Evaluator(model, 0, 4);
            assertEquals(
                    together,
                    evaluator
                            .withMatchLoss(new MatchLoss(MatchLoss.SCALE, List.of(6)))
                            .evaluate(rows)
                            .loss(),
                    1e-5);
            assertTrue(Math.abs(together - evaluator.evaluate(rows).loss()) > 1e-3);
            assertThrows(ConfigException.class, () -> evaluator.withMatchLoss(new MatchLoss(1, List.of(65))));
        }
    }

    @Test
    void theCardSaysByWhichNumbersVectorsAreOfUse() throws IOException {
        assertFalse(card(List.of()).contains("Matryoshka"), card(List.of()));
        String whole = "were learnt so at lengths 64, 32, 6 (Matryoshka): `loft embed --dimensions 6`, or"
                + " `SentenceTransformer(…, truncate_dim=6)`; they are compared by their cosine.\n";
        assertTrue(card(List.of(6, 64, 32)).contains(whole), card(List.of(6, 64, 32)));
        String cut =
                "truncate_dim=32)`; they are compared by their cosine. Whole, with 64 numbers, they were not learnt.\n";
        assertTrue(card(List.of(32)).contains(cut), card(List.of(32)));
    }

    private String card(List<Integer> lengths) throws IOException {
        Path output = directory.resolve("card of " + lengths);
        TrainConfig config = config(Method.LOFT)
                .maxSteps(1)
                .loss(loss -> loss.withMatches(loss.matches().withLengths(lengths)))
                .build();
        train(config, data(), output, OnExisting.OVERWRITE, -1);
        return Files.readString(output.resolve("README.md"));
    }

    @Test
    void refusesWhatDoesNotFit() throws IOException {
        MatchDataset rows = TinyMatches.alike(8, 1);
        assertProblem(
                "the rows of a step are each other's negatives, and a step has one row: raise per_device_train_batch_size",
                new TrainData(rows, null, 0, 16),
                config(Method.LOFT).batchSize(1).gradientAccumulationSteps(1).metricForBest("loss"));
        assertProblem(
                "matryoshka_dims must not pass the 64 numbers of the model's vectors, got 65",
                data(),
                config(Method.LOFT).loss(loss -> loss.withMatches(loss.matches().withLengths(List.of(32, 65)))));
        assertTrue(assertThrows(
                        ConfigException.class,
                        () -> config(Method.LOFT)
                                .loss(loss -> loss.withMatches(loss.matches().withLengths(List.of(8, 8))))
                                .build())
                .getMessage()
                .contains("matryoshka_dims must each be there once, got [8, 8]"));
        assertProblem(
                "the evaluation data holds one text that is to be found",
                new TrainData(rows, TinyMatches.alike(1, 2), 0, 16),
                config(Method.LOFT).metricForBest("loss"));
        assertProblem(
                "label_smoothing_factor is 0.1, and sentence embeddings have no classes",
                data(),
                config(Method.LOFT).loss(loss -> loss.withLabelSmoothing(0.1)));
        assertProblem(
                "the training data holds no texts that belong together, and the model is opened for sentence-embedding",
                new TrainData(TinyRun.counting(4, 1), null, 0, 16),
                config(Method.LOFT).metricForBest("loss"));
        assertProblem(
                "metric_for_best_model must be one of loss, accuracy_at_1, recall_at_10, mrr_at_10 for this task, got accuracy",
                data(),
                config(Method.LOFT).metricForBest("accuracy"));
        try (Model model = TinyRun.model()) {
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> TrainingRun.open(
                            model,
                            TinyRun.data(),
                            TinyRun.config(Method.LOFT)
                                    .loss(loss ->
                                            loss.withMatches(loss.matches().withScale(3)))
                                    .build(),
                            TinyRun.lora(),
                            directory.resolve("run"),
                            OnExisting.REFUSE));
            assertTrue(
                    refused.getMessage().contains("similarity_scale is of sentence embeddings"), refused.getMessage());
        }
    }

    private void assertProblem(String words, TrainData data, TrainConfig.Builder config) throws IOException {
        try (Model model = model()) {
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> TrainingRun.open(
                            model, data, config.build(), TinyRun.lora(), directory.resolve("run"), OnExisting.REFUSE));
            assertTrue(refused.getMessage().contains(words), refused.getMessage());
        }
    }
}
