package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.DataException;

class DataStreamTest {
    private static final int ROWS = 23;

    @TempDir
    Path folder;

    private static List<String> texts() {
        return IntStream.range(0, ROWS).mapToObj(i -> "row " + i).toList();
    }

    private static List<Row> rest(RowCursor cursor) throws IOException {
        List<Row> rows = new ArrayList<>();
        for (Row row = cursor.next(); row != null; row = cursor.next()) {
            rows.add(row);
        }
        return rows;
    }

    @ParameterizedTest
    @EnumSource
    void aStreamHasTheRowsOfMemoryFromAnyRowOn(RowFiles files) throws IOException {
        DataReference data = files.write(folder, texts());
        List<Row> expected = DataFiles.read(data, Columns.auto());
        assertEquals(texts(), expected.stream().map(RowText::question).toList());
        DataStream stream = DataFiles.stream(data, Columns.auto());
        for (int skipped : new int[] {0, 1, 7, ROWS / 2, ROWS / 2 + 1, ROWS - 1, ROWS, ROWS + 5}) {
            // of a new one the kind of its rows is not known yet
            for (RowSource source : List.of(stream, DataFiles.stream(data, Columns.auto()))) {
                try (RowCursor cursor = source.open()) {
                    cursor.skip(skipped);
                    assertEquals(expected.subList(Math.min(ROWS, skipped), ROWS), rest(cursor), "from " + skipped);
                }
            }
        }
        assertEquals(RowFormat.TEXT, stream.format());
    }

    @Test
    void rowsMayBeGoneOverInTurnsWithSkips() throws IOException {
        DataStream stream = DataFiles.stream(RowFiles.PATTERN.write(folder, texts()), Columns.auto());
        RowSource even = stream.where(row -> row.origin().line() % 2 == 0);
        try (RowCursor cursor = even.open()) {
            cursor.skip(2);
            assertEquals("row 5", RowText.question(java.util.Objects.requireNonNull(cursor.next())));
            cursor.skip(1);
            assertEquals("row 9", RowText.question(java.util.Objects.requireNonNull(cursor.next())));
            // the first row of the second part is its line 1
            assertEquals("row 12", RowText.question(java.util.Objects.requireNonNull(cursor.next())));
        }
    }

    @Test
    void aBadRowIsAFaultWithItsLine() throws IOException {
        Path file = Files.writeString(folder.resolve("a.jsonl"), "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":7}\n");
        try (RowCursor cursor =
                DataFiles.stream(DataReference.of(file), Columns.auto()).open()) {
            cursor.skip(2);
            assertEquals(
                    file + ", line 3: \"text\" must be a string, found 7",
                    assertThrows(DataException.class, cursor::next).getMessage());
        }
    }

    @Test
    void filesThatChangeAreRefused() throws IOException {
        DataReference data = RowFiles.CSV.write(folder, texts());
        DataStream stream = DataFiles.stream(data, Columns.auto());
        stream.open().close();
        stream.open().close();
        RowFiles.CSV.write(folder, texts().subList(0, 5));
        String fault =
                String.valueOf(assertThrows(DataException.class, stream::open).getMessage());
        assertTrue(fault.startsWith(data + ": has changed since it was read first: it had "), fault);

        DataStream parts = DataFiles.stream(RowFiles.PATTERN.write(folder, texts()), Columns.auto());
        parts.open().close();
        Files.writeString(folder.resolve("part-3.jsonl"), "{\"text\":\"a\"}");
        assertTrue(String.valueOf(assertThrows(DataException.class, parts::open).getMessage())
                .contains("means other files than when it was read first"));
    }

    @Test
    void textsThatSayNothingAreLeftOutFromAnyRowOn() throws IOException {
        StringBuilder text = new StringBuilder("text,more\n,0\n");
        for (int i = 0; i < ROWS; i++) {
            text.append("row ").append(i).append(",1\n").append(" ,2\n".repeat(i % 3));
        }
        Path file = Files.writeString(folder.resolve("rows.csv"), text);
        List<Row> expected = DataFiles.read(file);
        assertEquals(texts(), expected.stream().map(RowText::question).toList());
        DataStream read = DataFiles.stream(DataReference.of(file), Columns.auto());
        assertEquals(ROWS, RowScan.of(read).rows());
        assertEquals(1 + 7 + 2 * 7 + 1, read.blank());
        for (DataStream stream : List.of(read, DataFiles.stream(DataReference.of(file), Columns.auto()))) {
            for (int skipped : new int[] {1, 2, 7, ROWS - 1, ROWS}) {
                try (RowCursor cursor = stream.open()) {
                    cursor.skip(skipped);
                    assertEquals(expected.subList(skipped, ROWS), rest(cursor), "from " + skipped);
                }
            }
        }
    }

    /** Records of one positive, of several, and of lists in both. */
    @Test
    void aRecordOfSeveralRowsIsSkippedRowByRow() throws IOException {
        StringBuilder records = new StringBuilder();
        for (int i = 0; i < ROWS; i++) {
            String positives = IntStream.rangeClosed(0, i % 3)
                    .mapToObj(k -> "\"p" + k + "\"")
                    .collect(Collectors.joining(","));
            records.append("{\"query\":\"q")
                    .append(i)
                    .append("\",\"pos\":[")
                    .append(positives)
                    .append("]}\n");
        }
        Path file = Files.writeString(folder.resolve("rows.jsonl"), records);
        assertSkipsWhatIsRead(file, ROWS / 3 * 6 + 1 + 2, null);
    }

    /** Faults are not among the rows. */
    @Test
    void whatIsLeftOutIsNotSkippedAsARow() throws IOException {
        Path file = Files.writeString(
                folder.resolve("rows.jsonl"),
                "{\"text\":\"a\"}\n{\"text\":7}\n{\"text\":\"b\"}\nno json\n{\"text\":\"c\"}\n{\"text\":\"d\"}\n");
        List<DataException> faults = new ArrayList<>();
        assertSkipsWhatIsRead(file, 4, faults::add);
        assertEquals(
                List.of(2L, 4L),
                faults.stream()
                        .map(fault -> Long.parseLong(fault.getMessage().replaceAll("(?s).*, line ([0-9]+).*", "$1")))
                        .distinct()
                        .sorted()
                        .toList());
    }

    /** @param faults takes those of rows; null where there are none */
    private static void assertSkipsWhatIsRead(Path file, int count, @Nullable Consumer<DataException> faults)
            throws IOException {
        DataReference data = DataReference.of(file);
        Supplier<DataStream> open = () -> faults == null
                ? DataFiles.stream(data, Columns.auto())
                : DataFiles.streamWithoutFaulty(data, Columns.auto(), faults);
        DataStream read = open.get();
        List<Row> expected;
        try (RowCursor cursor = read.open()) {
            expected = rest(cursor);
        }
        assertEquals(count, expected.size());
        for (int first = 0; first <= count; first++) {
            for (int skipped = 0; first + skipped <= count; skipped++) {
                for (DataStream stream : List.of(read, open.get())) {
                    try (RowCursor cursor = stream.open()) {
                        for (int i = 0; i < first; i++) {
                            assertEquals(expected.get(i), cursor.next());
                        }
                        cursor.skip(skipped);
                        assertEquals(expected.subList(first + skipped, count), rest(cursor), first + ", " + skipped);
                    }
                }
            }
        }
    }
}
