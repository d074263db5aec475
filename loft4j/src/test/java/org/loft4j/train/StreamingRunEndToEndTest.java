package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.DataStream;
import org.loft4j.data.Dataset;
import org.loft4j.data.PlainText;
import org.loft4j.data.Row;
import org.loft4j.data.RowFiles;
import org.loft4j.data.RowScan;
import org.loft4j.data.StreamingDataset;
import org.loft4j.nn.Model;

/** Runs whose rows are read as they are learnt. */
class StreamingRunEndToEndTest {
    private static final int ROWS = 75;
    private static final int STEPS = 14;

    @TempDir
    Path directory;

    /** The rows of {@link TinyRun} as texts: {@code 3 4 5 6}. */
    static List<String> texts(int rows) {
        Dataset counting = TinyRun.counting(rows, 1);
        return IntStream.range(0, rows)
                .mapToObj(i -> Arrays.stream(counting.get(i).ids())
                        .mapToObj(String::valueOf)
                        .collect(Collectors.joining(" ")))
                .toList();
    }

    static Dataset encode(List<Row> rows) throws DataException {
        List<int[]> ids = rows.stream()
                .map(row -> Arrays.stream(((PlainText) row).text().split(" "))
                        .mapToInt(Integer::parseInt)
                        .toArray())
                .toList();
        return Dataset.causalLmIds(ids);
    }

    /** 19 batches an epoch in blocks of five, three of them to a step: an epoch has seven. */
    private static TrainConfig config() {
        return TinyRun.config(Method.LOFT)
                .epochs(2)
                .batchSize(4)
                .gradientAccumulationSteps(3)
                .evalSteps(7)
                .saveSteps(100)
                .build();
    }

    private static TrainData data(DataReference rows) throws IOException {
        DataStream stream = DataFiles.stream(rows, Columns.auto());
        return new TrainData(
                new StreamingDataset(stream, RowScan.of(stream), StreamingRunEndToEndTest::encode, 20),
                TinyRun.counting(12, 2),
                0,
                16);
    }

    private static TrainResult train(DataReference rows, Path output, long stopAt) throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run =
                        TrainingRun.open(model, data(rows), config(), TinyRun.lora(), output, OnExisting.RESUME)) {
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

    @ParameterizedTest
    @EnumSource
    void stoppedAndResumedItEndsBitForBitWhereItWouldHaveEnded(RowFiles files) throws IOException {
        DataReference rows = files.write(directory, texts(ROWS));
        Path whole = directory.resolve("whole");
        assertEquals(STEPS, train(rows, whole, -1).totalSteps());
        Path stopped = directory.resolve("stopped");
        // within a block, at its end, and in the second epoch
        for (int step : new int[] {2, 5, 9}) {
            assertEquals(
                    TrainResult.Outcome.INTERRUPTED, train(rows, stopped, step).outcome());
        }
        assertEquals(TrainResult.Outcome.FINISHED, train(rows, stopped, -1).outcome());
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, stopped, STEPS);
    }

    @Test
    void otherRowsThanThoseOfTheStoppedRunAreRefused() throws IOException {
        List<String> texts = texts(ROWS);
        DataReference rows = RowFiles.CSV.write(directory, texts);
        Path output = directory.resolve("run");
        train(rows, output, 3);
        RowFiles.CSV.write(directory, texts.subList(0, ROWS - 1));
        String fewer = assertThrows(ConfigException.class, () -> train(rows, output, -1))
                .getMessage();
        assertTrue(fewer.contains("train_data was 75 rows, crc32c ") && fewer.contains(" is now 74 rows"), fewer);
        // the same number of rows and of bytes
        RowFiles.CSV.write(directory, texts.stream().sorted().toList());
        String moved = assertThrows(ConfigException.class, () -> train(rows, output, -1))
                .getMessage();
        assertTrue(moved.contains("train_data was 75 rows, crc32c "), moved);
        assertFalse(moved.contains("--streaming"), moved);
        // the same rows in another format are the same
        DataReference same = RowFiles.JSON_LINES.write(directory, texts);
        assertEquals(TrainResult.Outcome.FINISHED, train(same, output, -1).outcome());
    }

    @Test
    void aFileThatChangesUnderTheRunEndsItBeforeAStepIsTakenOnOtherRows() throws IOException {
        DataReference rows = RowFiles.JSON_LINES.write(directory, texts(ROWS));
        Path output = directory.resolve("run");
        try (Model model = TinyRun.model();
                TrainingRun run =
                        TrainingRun.open(model, data(rows), config(), TinyRun.lora(), output, OnExisting.RESUME)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == 2) {
                        append(directory.resolve("rows.jsonl"));
                    }
                }
            });
            String fault = assertThrows(DataException.class, run::run).getMessage();
            assertTrue(fault.contains("has more rows than the 75"), fault);
            assertTrue(run.step() < 8, "step " + run.step());
        }
    }

    private static void append(Path file) {
        try {
            Files.writeString(file, Files.readString(file) + "{\"text\": \"1 2 3\"}\n");
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
