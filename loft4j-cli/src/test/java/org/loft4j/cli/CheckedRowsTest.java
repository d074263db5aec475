package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.DataReference;
import org.loft4j.data.Dataset;
import org.loft4j.data.Row;

class CheckedRowsTest {
    @TempDir
    Path directory;

    private CheckedRows scanned(Path... files) throws IOException {
        List<DataReference> sources = Stream.of(files).map(DataReference::of).toList();
        return new CheckedRows("rows", ScannedRows.of(sources, Columns.auto(), row -> {}));
    }

    private Path file(String name, String text) throws IOException {
        return Files.writeString(directory.resolve(name), text);
    }

    private static Dataset ofLines(List<Row> rows, int maxLength) throws DataException {
        List<int[]> ids = new ArrayList<>();
        for (Row row : rows) {
            int line = (int) row.origin().line();
            if (line % 1000 == 7) {
                throw row.origin().fault("cannot be taken");
            }
            ids.add(new int[Math.min(maxLength, line % 3 + 1)]);
        }
        return Dataset.causalLmIds(ids);
    }

    @Test
    void rowsAreEncodedAFewAtATimeAndAllOfThem() throws IOException {
        // two batches and a part of one
        int rows = 2 * 64 * 64 + 100;
        Path file = file(
                "rows.txt",
                IntStream.rangeClosed(1, rows).mapToObj(i -> "line " + i + "\n").collect(Collectors.joining()));
        CheckedRows checked = scanned(file);
        assertTrue(checked.lengths().isEmpty());
        checked = checked.encoded(CheckedRowsTest::ofLines, Integer.MAX_VALUE, null);
        List<String> faulty = IntStream.rangeClosed(1, rows)
                .filter(line -> line % 1000 == 7)
                .mapToObj(line -> file + ", line " + line + ": cannot be taken")
                .toList();
        assertEquals(faulty, checked.faults());
        assertEquals(
                rows - faulty.size(),
                checked.lengths().counts().values().stream().mapToLong(n -> n).sum());
        assertEquals(1, checked.lengths().min());
        assertEquals(3, checked.lengths().max());
    }

    @Test
    void longRowsAreNotGatheredInMemory() throws IOException {
        int length = 1 << 20;
        Path file = file("rows.txt", ("x".repeat(length) + "\n").repeat(40));
        AtomicInteger most = new AtomicInteger();
        scanned(file)
                .encoded(
                        (rows, maxLength) -> {
                            most.accumulateAndGet(rows.size(), Math::max);
                            return ofLines(rows, maxLength);
                        },
                        Integer.MAX_VALUE,
                        null);
        assertTrue(most.get() <= 16, "rows of a mebibyte at once: " + most);
    }

    @Test
    void aPassKeepsCountsAndTheFirstRowOfEachKind() throws IOException {
        Path labels = file("labels.csv", "text,label\na,red\nb,blue\nc,red\n");
        Path texts = file("texts.jsonl", "{\"text\": \"d\"}\n{\"text\": \" \"}\n{\"text\": \"e\"}\n");
        ScannedRows rows = scanned(labels, texts).rows();
        assertEquals(5, rows.count());
        assertEquals(
                List.of(2L, 1L),
                rows.some().stream().map(row -> row.origin().line()).toList());
        assertEquals(Map.of("red", 2L, "blue", 1L), rows.labels());
        assertEquals("label", rows.shape().format().word());
        assertEquals(1, rows.shape().blank());
        assertEquals(1, rows.faults().size(), rows.faults().toString());
    }

    @Test
    void rowsThatChangeMeanwhileAreRefused() throws IOException {
        Path file = file("rows.txt", "a\nb\n");
        CheckedRows checked = scanned(file);
        Files.writeString(file, "a\n");
        assertEquals(
                file + ": had 2 rows when read first, now 1: its rows must stay the same while they are checked",
                assertThrows(DataException.class, () -> checked.encoded(CheckedRowsTest::ofLines, 9, null))
                        .getMessage());
    }
}
