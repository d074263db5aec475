package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.data.BatchSource;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.DataStream;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.Row;
import org.loft4j.data.RowScan;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.TextMatch;
import org.loft4j.data.TrainingSet;
import org.loft4j.nn.Model;
import org.loft4j.tensor.Dtype;

/** Texts that belong together, read as they are learnt. */
class StreamedMatchesEndToEndTest {
    @TempDir
    private Path directory;

    /** Rows of texts that recur: one anchor in several rows, a positive that is an anchor elsewhere. */
    private static List<String> rows(int count) {
        SplittableRandom random = new SplittableRandom(3);
        return IntStream.range(0, count)
                .mapToObj(i -> {
                    int subject = random.nextInt(6);
                    String negative = i % 2 == 0 ? ", \"negative\": \"" + words(1 + subject, 1) + "\"" : "";
                    return "{\"anchor\": \"" + words(5 + subject, 2) + "\", \"positive\": \""
                            + words(40 + 10 * i % 90, 3) + "\"" + negative + "}";
                })
                .toList();
    }

    private static String words(int from, int count) {
        return IntStream.range(from, from + count).mapToObj(Integer::toString).collect(Collectors.joining(" "));
    }

    private static MatchDataset encode(List<Row> rows) {
        return TinyMatches.of(rows.stream()
                .map(row -> (TextMatch) row)
                .map(row -> {
                    List<int[]> texts = new ArrayList<>(List.of(ids(row.anchor()), ids(row.positive())));
                    row.negatives().forEach(negative -> texts.add(ids(negative)));
                    return texts;
                })
                .toList());
    }

    private static int[] ids(String text) {
        return Arrays.stream(text.split(" ")).mapToInt(Integer::parseInt).toArray();
    }

    private DataStream stream(int count) throws IOException {
        Path file = Files.write(directory.resolve("rows.jsonl"), rows(count));
        return DataFiles.stream(DataReference.of(file), Columns.auto());
    }

    private static StreamingDataset streamed(DataStream rows, int buffer) throws IOException {
        return new StreamingDataset(rows, RowScan.of(rows), StreamedMatchesEndToEndTest::encode, buffer);
    }

    private Model model() throws IOException {
        Path base = directory.resolve("base");
        Files.createDirectories(base);
        return TinyMatches.model(base, Dtype.F32, 0.1);
    }

    private double loss(TrainingSet rows, int batchSize) throws IOException {
        TrainConfig config = TinyRun.config(Method.FULL).build();
        Path base = Files.createDirectories(directory.resolve("base"));
        try (Model model = TinyMatches.model(base, Dtype.F64, 0);
                Trainable trainable = Trainable.create(model, null, config);
                BatchSource source = rows.batches(batchSize, true, 5, 0)) {
            List<MiniBatch> step = new ArrayList<>();
            for (long batch = 0; batch < source.batches(); batch++) {
                step.addAll(source.get(0, batch));
            }
            return new Trainer(model, trainable, config, 10).findGradients(step, 0);
        }
    }

    /** All rows in one step: the loss knows no order, and must know which texts of other batches are the same. */
    @Test
    void allTextsOfAStepAreCompared() throws IOException {
        DataStream rows = stream(12);
        MatchDataset inMemory =
                encode(DataFiles.readRows(DataReference.of(directory.resolve("rows.jsonl")), Columns.auto())
                        .rows());
        double expected = loss(inMemory, 12);
        assertTrue(expected > 1, "loss " + expected);
        assertEquals(expected, loss(inMemory, 3), 1e-12);
        assertEquals(expected, loss(streamed(rows, 12), 3), 1e-12);
        assertEquals(expected, loss(streamed(rows, 4), 2), 1e-12);
    }

    private static TrainConfig config() {
        return TinyRun.config(Method.LOFT)
                .epochs(2)
                .batchSize(3)
                .gradientAccumulationSteps(3)
                .evalSteps(3)
                .saveSteps(100)
                .learningRate(3e-2)
                .build();
    }

    private TrainResult train(DataStream rows, Path output, long stopAt) throws IOException {
        TrainData data = new TrainData(streamed(rows, 7), TinyMatches.alike(9, 4), 0, 16);
        try (Model model = model();
                TrainingRun run = TrainingRun.open(model, data, config(), TinyRun.lora(), output, OnExisting.RESUME)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == stopAt) {
                        run.requestStop();
                    }
                }
            });
            return run.run();
        }
    }

    /** Records of one, two and three positives, each of which is a row. */
    private DataStream streamOfLists(int count) throws IOException {
        List<String> records = IntStream.range(0, count)
                .mapToObj(i -> "{\"query\": \"" + words(5 + i % 6, 2) + "\", \"pos\": ["
                        + IntStream.rangeClosed(0, i % 3)
                                .mapToObj(k -> '"' + words(40 + 10 * i % 90 + k, 3) + '"')
                                .collect(Collectors.joining(", "))
                        + "]}")
                .toList();
        Path file = Files.write(directory.resolve("lists.jsonl"), records);
        return DataFiles.stream(DataReference.of(file), Columns.auto());
    }

    @Test
    void stoppedAndResumedItEndsBitForBitWhereItWouldHaveEnded() throws IOException {
        assertEndsAlike(stream(40));
    }

    @Test
    void soItDoesWithListsOfPositives() throws IOException {
        assertEndsAlike(streamOfLists(20));
    }

    private void assertEndsAlike(DataStream rows) throws IOException {
        Path whole = directory.resolve("whole");
        long steps = train(rows, whole, -1).totalSteps();
        Path stopped = directory.resolve("stopped");
        for (int step : new int[] {1, 4, 6}) {
            assertEquals(
                    TrainResult.Outcome.INTERRUPTED, train(rows, stopped, step).outcome());
        }
        assertEquals(TrainResult.Outcome.FINISHED, train(rows, stopped, -1).outcome());
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, stopped, steps);
    }

    @Test
    void aStepOfOneRowIsRefused() throws IOException {
        TrainConfig config = TinyRun.config(Method.LOFT)
                .batchSize(1)
                .gradientAccumulationSteps(1)
                .build();
        TrainData data = new TrainData(streamed(stream(12), 12), null, 0, 16);
        try (Model model = model()) {
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> TrainingRun.open(
                            model, data, config, TinyRun.lora(), directory.resolve("run"), OnExisting.REFUSE));
            assertTrue(
                    refused.getMessage().contains("a step has one row: raise per_device_train_batch_size"),
                    refused.getMessage());
        }
    }
}
