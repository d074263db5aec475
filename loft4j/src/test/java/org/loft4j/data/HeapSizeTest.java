package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The arithmetic against what the heap has really grown by. */
class HeapSizeTest {
    private static final int ROWS = 20_000;

    @TempDir
    Path directory;

    /** By what a collection leaves: threads take more at a time than they use since. */
    private static long used() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .mapToLong(pool -> pool.getCollectionUsage().getUsed())
                .sum();
    }

    private static <T> void assertMeasured(Callable<T> made, ToLongFunction<T> reckoned) throws Exception {
        long before = used();
        T held = made.call();
        long measured = used() - before;
        assertEquals(measured, reckoned.applyAsLong(held), 0.15 * measured);
    }

    private Path file(String name, String row) throws Exception {
        String text = IntStream.range(0, ROWS)
                .mapToObj(i -> row.replace("#", "" + i) + "\n")
                .collect(Collectors.joining());
        return Files.writeString(directory.resolve(name), (name.endsWith("csv") ? "text,label\n" : "") + text);
    }

    private void assertRowsMeasured(Path file) throws Exception {
        // what is read once, such as the classes of the reader, is no row
        DataFiles.read(file);
        assertMeasured(
                () -> DataFiles.read(file),
                rows -> rows.stream().mapToLong(Row::heapBytes).sum());
    }

    @Test
    void ofTexts() throws Exception {
        assertRowsMeasured(file("rows.csv", "the cat # sat on the mat and looked at the moon,label #"));
        assertRowsMeasured(file("rows.txt", "кошка # сидела на ковре и смотрела на луну"));
        assertRowsMeasured(file(
                "rows.jsonl",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"what is # and one?\"},"
                        + " {\"role\": \"assistant\", \"content\": \"it is more than #\"}]}"));
    }

    @Test
    void ofPreferences() throws Exception {
        assertRowsMeasured(file(
                "texts.jsonl",
                "{\"prompt\": \"what is # and one, and what is more?\", \"chosen\": \"it is more than #\", \"rejected\":"
                        + " \"nobody knows #\"}"));
        String asked =
                "[{\"role\": \"user\", \"content\": \"what is # and one?\"}, {\"role\": \"assistant\", \"content\": ";
        assertRowsMeasured(file(
                "turns.jsonl",
                "{\"chosen\": " + asked + "\"it is more than #\"}], \"rejected\": " + asked + "\"nobody knows #\"}]}"));
    }

    @Test
    void ofExamples() throws Exception {
        List<int[]> ids = new ArrayList<>();
        int[] classes = new int[ROWS];
        for (int i = 0; i < ROWS; i++) {
            ids.add(new int[5 + i % 60]);
        }
        assertMeasured(() -> Dataset.causalLmIds(ids), Dataset::heapBytes);
        assertMeasured(() -> Dataset.classificationIds(ids, classes), Dataset::heapBytes);
        Dataset dataset = Dataset.causalLmIds(ids);
        assertMeasured(() -> new PackedDataset(dataset, 128), packed -> packed.heapBytes() - dataset.heapBytes());
    }
}
