package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.MiniBatch;
import org.loft4j.nn.Model;

/** Rows that cannot be had any more, as when their file is gone. */
class RowFaultsEndToEndTest {
    private static final TrainConfig CONFIG =
            TinyRun.config(Method.LOFT).saveSteps(100).build();

    @TempDir
    Path directory;

    /** Has so many batches to learn from, and then a fault. */
    private static final class Ending implements Examples {
        private final Dataset rows = TinyRun.counting(50, 1);
        private final Throwable fault;
        private int left;

        Ending(int batches, Throwable fault) {
            this.left = batches;
            this.fault = fault;
        }

        @Override
        public int size() {
            return rows.size();
        }

        @Override
        public int[] lengths() {
            return rows.lengths();
        }

        @Override
        public String fingerprint() {
            return rows.fingerprint();
        }

        @Override
        public MiniBatch batch(int[] indices, long padId) {
            return rows.batch(indices, padId);
        }

        @Override
        public MiniBatch trainingBatch(int[] indices, long padId, long seed, long epoch) throws IOException {
            if (left-- == 0) {
                if (fault instanceof Error error) {
                    throw error;
                }
                throw (IOException) fault;
            }
            return batch(indices, padId);
        }
    }

    private void train(int batches) throws IOException {
        train(new Ending(batches, new DataException(Path.of("rows.jsonl"), "there is no such file")));
    }

    private void train(Ending rows) throws IOException {
        TrainData data = new TrainData(rows, TinyRun.counting(12, 2), 0, 16);
        try (Model model = TinyRun.model();
                TrainingRun run = TrainingRun.open(model, data, CONFIG, TinyRun.lora(), run(), OnExisting.RESUME)) {
            run.run();
        }
    }

    private Path run() {
        return directory.resolve("run");
    }

    private void assertFaultAfter(int batches, List<Long> saved) throws IOException {
        assertThrows(DataException.class, () -> train(batches));
        assertEquals(saved, new Checkpoints(run()).steps());
    }

    /** Batches of a program's own may be more than the heap holds, or meet a class that is not there. */
    @Test
    void aFaultThatIsNoExceptionLosesNoStepsEither() throws IOException {
        Error heap = new OutOfMemoryError("Java heap space");
        assertSame(heap, assertThrows(Error.class, () -> train(new Ending(9, heap))));
        assertEquals(List.of(4L, 5L), new Checkpoints(run()).steps());
        Error absent = new NoClassDefFoundError("Own");
        assertSame(absent, assertThrows(Error.class, () -> train(new Ending(9, absent))));
        assertEquals(List.of(8L, 10L), new Checkpoints(run()).steps());
    }

    /** A program that wants all rows at once. */
    @Test
    void aBatchMayBeAsLargeAsAnIntegerCanSay() throws IOException {
        TrainConfig all = TinyRun.config(Method.LOFT)
                .batchSize(Integer.MAX_VALUE)
                .evalBatchSize(Integer.MAX_VALUE)
                .gradientAccumulationSteps(1)
                .epochs(2)
                .build();
        assertEquals(
                TrainResult.Outcome.FINISHED,
                TinyRun.train(all, run(), OnExisting.REFUSE).outcome());
        assertEquals(List.of(2L), new Checkpoints(run()).steps());
    }

    /** An epoch has 7 batches in 4 steps; the first evaluation, after them, is the best so far, and saved. */
    @Test
    void theStepsBeforeAreSaved() throws IOException {
        assertFaultAfter(1, List.of());
        assertFaultAfter(7 + 2, List.of(4L, 5L));
        // nothing has been learnt since
        assertFaultAfter(1, List.of(4L, 5L));
        train(1000);
        Path whole = directory.resolve("whole");
        TinyRun.train(CONFIG, whole, OnExisting.REFUSE);
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, run(), 24);
    }
}
