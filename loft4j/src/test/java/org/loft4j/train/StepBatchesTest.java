package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.loft4j.DataException;
import org.loft4j.data.Batch;
import org.loft4j.data.BatchSource;
import org.loft4j.data.MiniBatch;

@Timeout(60)
class StepBatchesTest {
    /** Batches of one token, which says which one it is: 5 an epoch. */
    private static final class Source implements BatchSource {
        private final List<Long> made = Collections.synchronizedList(new ArrayList<>());
        private final CountDownLatch blocked = new CountDownLatch(1);
        private volatile long blocksAt = -1;
        private volatile @Nullable IOException fault;
        private volatile boolean closed;

        @Override
        public long batches() {
            return 5;
        }

        @Override
        public List<MiniBatch> get(long epoch, long batch) throws IOException {
            long number = 10 * epoch + batch;
            IOException failing = fault;
            if (failing != null && number == 3) {
                throw failing;
            }
            if (number == blocksAt) {
                blocked.countDown();
                try {
                    Thread.sleep(TimeUnit.MINUTES.toMillis(5));
                } catch (InterruptedException e) {
                    throw new java.io.InterruptedIOException();
                }
            }
            made.add(number);
            return List.of(new Batch(1, 1, new long[] {number}, new long[] {1}, new long[] {0}, 1, 1));
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    private static StepBatches batches(Source source) {
        return new StepBatches(source, new RunPlan(3, 7, Map.of()), 2);
    }

    private static List<Long> numbers(StepBatches batches, long step) throws IOException {
        return batches.take(step).stream()
                .map(batch -> ((Batch) batch).inputIds()[0])
                .toList();
    }

    @Test
    void theBatchesOfAStepAreAFunctionOfTheStep() throws IOException {
        List<List<Long>> expected = List.of(
                List.of(0L, 1L),
                List.of(2L, 3L),
                List.of(4L),
                List.of(10L, 11L),
                List.of(12L, 13L),
                List.of(14L),
                List.of(20L, 21L));
        Source source = new Source();
        try (StepBatches batches = batches(source)) {
            for (int step = 0; step < 7; step++) {
                assertEquals(expected.get(step), numbers(batches, step));
            }
            // none beyond the last step was made
            assertEquals(12, source.made.size());
        }
        assertTrue(source.closed);
        try (StepBatches batches = batches(new Source())) {
            assertEquals(expected.get(4), numbers(batches, 4));
            assertEquals(expected.get(1), numbers(batches, 1));
        }
    }

    @Test
    void oneStepIsMadeAheadAndNoMore() throws Exception {
        Source source = new Source();
        try (StepBatches batches = batches(source)) {
            batches.take(0);
            while (source.made.size() < 4) {
                Thread.sleep(1);
            }
            Thread.sleep(100);
            assertEquals(List.of(0L, 1L, 2L, 3L), source.made);
        }
    }

    @Test
    void aFaultIsThrownWhereItsStepIsAskedFor() throws IOException {
        Source source = new Source();
        DataException fault = new DataException("rows.jsonl, line 4", "is wrong");
        source.fault = fault;
        try (StepBatches batches = batches(source)) {
            assertEquals(List.of(0L, 1L), numbers(batches, 0));
            assertSame(fault, assertThrows(DataException.class, () -> batches.take(1)));
        }
    }

    @Test
    void closingStopsWhatIsBeingMade() throws Exception {
        Source source = new Source();
        source.blocksAt = 2;
        try (StepBatches batches = batches(source)) {
            batches.take(0);
            assertTrue(source.blocked.await(30, TimeUnit.SECONDS));
            assertFalse(source.closed);
        }
        assertTrue(source.closed);
        assertEquals(List.of(0L, 1L), source.made);
    }

    @Test
    void anInterruptedCallerGetsItsStepAndStaysInterrupted() throws IOException {
        try (StepBatches batches = batches(new Source())) {
            Thread.currentThread().interrupt();
            assertEquals(2, batches.take(0).size());
            assertTrue(Thread.interrupted());
        }
    }

    /** What is being made with must not be closed under it, though the caller was interrupted. */
    @Test
    void anInterruptedCallerWaitsForWhatIsBeingMade() throws Exception {
        CountDownLatch making = new CountDownLatch(1);
        CountDownLatch closing = new CountDownLatch(1);
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        BatchSource source = new BatchSource() {
            @Override
            public long batches() {
                return 2;
            }

            @Override
            public List<MiniBatch> get(long epoch, long batch) {
                // as native code does, it hears of no interrupt
                while (batch == 1 && closing.getCount() > 0) {
                    making.countDown();
                    Thread.onSpinWait();
                }
                order.add("made");
                return List.of(new Batch(1, 1, new long[] {1}, new long[] {1}, new long[] {0}, 1, 1));
            }

            @Override
            public void close() {
                order.add("closed");
            }
        };
        Thread caller = new Thread(() -> {
            try (StepBatches batches = new StepBatches(source, new RunPlan(2, 2, Map.of()), 1)) {
                batches.take(0);
                // what has not begun is not made at all
                while (making.getCount() > 0) {
                    Thread.onSpinWait();
                }
            } catch (IOException e) {
                order.add(e.toString());
            }
            order.add(Thread.currentThread().isInterrupted() ? "interrupted" : "not interrupted");
        });
        caller.start();
        assertTrue(making.await(30, TimeUnit.SECONDS));
        caller.interrupt();
        Thread.sleep(100);
        closing.countDown();
        caller.join();
        assertEquals(List.of("made", "made", "closed", "interrupted"), order);
    }
}
