package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;

class PackedDatasetTest {
    private static int[] example(int first, int length) {
        return IntStream.range(first, first + length).toArray();
    }

    @Test
    void theLongestComeFirstAndTheFullestRowTakesWhatFits() {
        PackedDataset packed = new PackedDataset(
                Dataset.causalLmIds(List.of(example(10, 3), example(20, 6), example(30, 5), example(40, 2))), 8);
        assertArrayEquals(new int[] {8, 8}, packed.lengths());
        Batch batch = packed.batch(new int[] {0, 1}, 0);
        assertEquals(1, batch.rows());
        assertEquals(16, batch.columns());
        assertArrayEquals(new int[] {6, 2, 5, 3}, batch.segments());
        assertArrayEquals(
                new long[] {20, 21, 22, 23, 24, 25, 40, 41, 30, 31, 32, 33, 34, 10, 11, 12}, batch.inputIds());
        assertArrayEquals(
                new long[] {-100, 21, 22, 23, 24, 25, -100, 41, -100, 31, 32, 33, 34, -100, 11, 12}, batch.labels());
        assertEquals(16, batch.tokens());
        assertEquals(12, batch.targets());
        assertTrue(packed.fingerprint().endsWith(", packed to 8"), packed.fingerprint());
        assertNotEquals(packed.fingerprint(), new PackedDataset(packed.examples(), 9).fingerprint());
    }

    @Test
    void everyExampleIsThereOnceAndNoRowIsTooLong() {
        long seed = System.nanoTime();
        System.out.println("PackedDatasetTest seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        List<int[]> examples = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            examples.add(example(1000 * i, random.nextInt(1, 65)));
        }
        Dataset dataset = Dataset.causalLmIds(examples);
        PackedDataset packed = new PackedDataset(dataset, 64);
        assertTrue(Arrays.stream(packed.lengths()).allMatch(length -> length <= 64));
        List<Long> starts = new ArrayList<>();
        for (int row = 0; row < packed.size(); row++) {
            Batch batch = packed.batch(new int[] {row}, 0);
            int at = 0;
            for (int length : batch.segments()) {
                starts.add(batch.inputIds()[at]);
                assertEquals(examples.get((int) (batch.inputIds()[at] / 1000)).length, length);
                at += length;
            }
        }
        assertEquals(
                IntStream.range(0, 500).mapToObj(i -> 1000L * i).toList(),
                starts.stream().sorted().toList());
        int least = leastRows(examples, 64);
        assertTrue(packed.size() <= 1.03 * least, packed.size() + " rows, no packing has fewer than " + least);
    }

    /**
     * No packing has fewer rows (Martello and Toth 1990, bound L2): examples longer than half a row share none with each other, and
     * what the others need beyond the room that those leave takes rows of its own.
     */
    private static int leastRows(List<int[]> examples, int length) {
        int most = 0;
        for (int small = 0; small <= length / 2; small++) {
            int alone = 0;
            int room = 0;
            int rest = 0;
            for (int[] example : examples) {
                if (example.length > length - small) {
                    alone++;
                } else if (example.length > length / 2) {
                    alone++;
                    room += length - example.length;
                } else if (example.length >= small) {
                    rest += example.length;
                }
            }
            most = Math.max(most, alone + Math.max(0, (rest - room + length - 1) / length));
        }
        return most;
    }

    @Test
    void whatDoesNotFitIsRefused() {
        Dataset dataset = Dataset.causalLmIds(List.of(example(0, 9)));
        assertThrows(ConfigException.class, () -> new PackedDataset(dataset, 8));
        Dataset classes = Dataset.classificationIds(List.of(example(0, 3)), new int[] {0});
        assertThrows(ConfigException.class, () -> new PackedDataset(classes, 8));
    }
}
