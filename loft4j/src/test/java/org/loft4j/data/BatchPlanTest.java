package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;

class BatchPlanTest {
    private static final long SEED = Long.getLong("tests.seed", System.nanoTime());

    private static int[] flat(List<int[]> batches) {
        return batches.stream().flatMapToInt(Arrays::stream).toArray();
    }

    @Test
    void everyExampleComesOnceAnEpoch() {
        var random = new SplittableRandom(SEED);
        for (int trial = 0; trial < 50; trial++) {
            int size = random.nextInt(1, 700);
            int batchSize = random.nextInt(1, 12);
            int[] lengths = random.ints(size, 1, 60).toArray();
            for (boolean group : new boolean[] {true, false}) {
                var plan = new BatchPlan(lengths, batchSize, group, SEED);
                List<int[]> batches = plan.epoch(trial);
                String what = "-Dtests.seed=" + SEED + ", trial " + trial;
                assertArrayEquals(
                        IntStream.range(0, size).toArray(),
                        Arrays.stream(flat(batches)).sorted().toArray(),
                        what);
                assertEquals(plan.batches(), batches.size(), what);
                long whole = batches.stream()
                        .filter(batch -> batch.length == batchSize)
                        .count();
                assertEquals(size / batchSize, whole, what);
            }
        }
    }

    @Test
    void theOrderIsAFunctionOfSeedAndEpoch() {
        int[] lengths = IntStream.range(0, 100).map(i -> i * 37 % 50 + 1).toArray();
        int[] first = flat(new BatchPlan(lengths, 8, true, 5).epoch(2));
        assertArrayEquals(first, flat(new BatchPlan(lengths, 8, true, 5).epoch(2)));
        assertFalse(Arrays.equals(first, flat(new BatchPlan(lengths, 8, true, 5).epoch(3))));
        assertFalse(Arrays.equals(first, flat(new BatchPlan(lengths, 8, true, 6).epoch(2))));
        // transcribed apart (SplitMix64): a resumed run must meet the same batches under any version of Java
        assertArrayEquals(
                new int[] {8, 0, 7, 3, 2, 6, 1, 9, 4, 5}, flat(new BatchPlan(new int[10], 4, false, 1).epoch(0)));
    }

    @Test
    void groupingSavesPadding() {
        int[] lengths = new SplittableRandom(1).ints(4000, 1, 200).toArray();
        assertTrue(padded(lengths, true) < 1.05 * Arrays.stream(lengths).sum());
        assertTrue(padded(lengths, false) > 1.5 * Arrays.stream(lengths).sum());
    }

    private static long padded(int[] lengths, boolean group) {
        return new BatchPlan(lengths, 16, group, 3)
                .epoch(0).stream()
                        .mapToLong(batch -> (long) batch.length
                                * Arrays.stream(batch)
                                        .map(i -> lengths[i])
                                        .max()
                                        .orElseThrow())
                        .sum();
    }

    @Test
    void groupedBatchesAreNotInOrderOfLength() {
        int[] lengths = IntStream.range(0, 400).toArray();
        int[] starts = new BatchPlan(lengths, 8, true, 3)
                .epoch(0).stream().mapToInt(batch -> batch[0]).toArray();
        assertFalse(Arrays.equals(starts, Arrays.stream(starts).sorted().toArray()));
    }

    @Test
    void aBatchHasAtLeastOneExample() {
        assertThrows(ConfigException.class, () -> new BatchPlan(new int[1], 0, true, 0));
    }

    @Test
    void examplesOfOwnHaveAsManyLengthsAsTheyAre() {
        for (int lengths : new int[] {2, 5}) {
            Examples own = new Examples() {
                @Override
                public int size() {
                    return 3;
                }

                @Override
                public int[] lengths() {
                    return new int[lengths];
                }

                @Override
                public String fingerprint() {
                    return "own";
                }

                @Override
                public MiniBatch batch(int[] indices, long padId) {
                    throw new AssertionError();
                }

                @Override
                public MiniBatch trainingBatch(int[] indices, long padId, long seed, long epoch) {
                    throw new AssertionError();
                }
            };
            String told = assertThrows(ConfigException.class, () -> new BatchPlan(own, 1, false, 0))
                    .getMessage();
            assertEquals("3 examples need as many lengths, got " + lengths + " of them", told);
        }
    }
}
