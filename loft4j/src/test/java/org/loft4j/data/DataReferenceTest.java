package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;

class DataReferenceTest {
    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    private Path packed(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
            out.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return file;
    }

    private DataReference in(String pattern) {
        return new DataReference(folder + "/" + pattern);
    }

    private List<String> names(String pattern) throws IOException {
        return in(pattern).files().stream()
                .map(file -> folder.relativize(file).toString().replace('\\', '/'))
                .toList();
    }

    private static List<String> texts(DataReference data) throws IOException {
        return DataFiles.read(data, Columns.auto()).stream()
                .map(row -> ((PlainText) row).text())
                .toList();
    }

    @Test
    void queriesBeginWithAWordOfSql() throws IOException {
        for (String query : List.of("SELECT 1", "from 'a.parquet'", "  With\nx as (select 1) from x", "select(1)")) {
            assertTrue(new DataReference(query).isQuery(), query);
            assertNull(new DataReference(query).fault(), query);
        }
        for (String name : List.of("selection.csv", "from", "with.jsonl", "a select b", "")) {
            assertFalse(new DataReference(name).isQuery(), name);
        }
        assertFalse(DataReference.of(file("with blanks.csv", "text\na\n")).isQuery());
    }

    @Test
    void patternsFindFilesInTheOrderOfTheirNames() throws IOException {
        for (String name : List.of("b.txt", "a.txt", "c.csv", ".d.txt", "sub/a.txt", "sub/deep/z.txt", ".git/a.txt")) {
            file(name, "text\n");
        }
        assertEquals(List.of("a.txt", "b.txt"), names("*.txt"));
        assertEquals(List.of("a.txt", "c.csv"), names("{a.txt,c.csv}"));
        assertEquals(List.of("b.txt"), names("[b-z].txt"));
        assertEquals(List.of("sub/a.txt"), names("*/?.txt"));
        assertEquals(List.of("a.txt", "b.txt", "sub/a.txt", "sub/deep/z.txt"), names("**.txt"));
        assertEquals(List.of("a.txt"), names("a.txt"));
    }

    @Test
    void aDoubleStarBeforeASlashStandsForNoFolderToo() throws IOException {
        for (String name : List.of("a.txt", "bb.txt", "x/a.txt", "x/y/a.txt", "x/y/z/a.txt", ".git/a.txt")) {
            file(name, "text\n");
        }
        List<String> everywhere = List.of("a.txt", "x/a.txt", "x/y/a.txt", "x/y/z/a.txt");
        assertEquals(everywhere, names("**/a.txt"));
        assertEquals(everywhere, names("**/**/?.txt"));
        assertEquals(List.of("x/y/a.txt", "x/y/z/a.txt"), names("**/y/**/*.txt"));
        assertEquals(List.of("x/a.txt", "x/y/a.txt", "x/y/z/a.txt"), names("x/**/**/a.txt"));
        assertEquals(List.of("bb.txt", "x/y/a.txt", "x/y/z/a.txt"), names("{x/y/**/a,**/bb}.txt"));
    }

    @Test
    void aFileOfThatVeryNameIsMeant() throws IOException {
        file("a1.txt", "no\n");
        file("a[1].txt", "yes\n");
        assertEquals(List.of("a[1].txt"), names("a[1].txt"));
    }

    @Test
    void whatIsMissingIsAFault() throws IOException {
        assertEquals(in("*.csv") + ": no file matches this pattern", in("*.csv").fault());
        assertEquals(
                in("none/*.csv") + ": no file matches this pattern",
                in("none/*.csv").fault());
        assertEquals(in("a.csv") + ": there is no such file", in("a.csv").fault());
        assertEquals(folder + " is not a file", DataReference.of(folder).fault());
        assertNull(DataReference.of(file("a.csv", "")).fault());
        assertNull(in("*.csv").fault());
        String open = String.valueOf(in("{a.csv").fault());
        assertTrue(open.startsWith(in("{a.csv") + ": there is no such file, and as a pattern it is wrong: "), open);
        var none = assertThrows(DataException.class, () -> DataFiles.read(in("*.tsv"), Columns.auto()));
        assertEquals(in("*.tsv") + ": no file matches this pattern", none.getMessage());
    }

    @Test
    void severalFilesAreReadAsOne() throws IOException {
        file("part-2.jsonl", "{\"text\": \"c\"}\n");
        file("part-1.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
        packed("part-3.csv.gz", "text,score\nd,1\n");
        assertEquals(List.of("a", "b", "c", "d"), texts(in("part-*")));
        Path other = file("part-4.jsonl", "{\"prompt\": \"p\", \"completion\": \"c\"}\n");
        var mixed = assertThrows(DataException.class, () -> texts(in("part-*.jsonl")));
        assertEquals(
                other + ", line 1: has no \"text\"; it has \"prompt\", \"completion\", but "
                        + folder.resolve("part-1.jsonl")
                        + " has \"text\" without a label: all rows must be of one kind",
                mixed.getMessage());
        Path table = file("part-5.csv", "text,label\na,b\n");
        var tables = assertThrows(DataException.class, () -> texts(in("part-{3,5}.csv*")));
        assertEquals(
                table + ", line 1: holds \"text\" and \"label\", but " + folder.resolve("part-3.csv.gz")
                        + " holds \"text\" without a label: all rows must be of one kind",
                tables.getMessage());
    }

    @Test
    void packedFilesHaveLinesToo() throws IOException {
        Path file = packed("a.jsonl.gz", "{\"text\": \"a\"}\n{\"text\": 3}\n");
        var fault = assertThrows(DataException.class, () -> DataFiles.read(file));
        assertEquals(file + ", line 2: \"text\" must be a string, found 3", fault.getMessage());
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length - 9));
        String torn =
                assertThrows(DataException.class, () -> DataFiles.read(file)).getMessage();
        assertTrue(torn.startsWith(file + ": is not a whole gzip file"), torn);
        Path plain = file("b.csv.gz", "text\na\n");
        String never =
                assertThrows(DataException.class, () -> DataFiles.read(plain)).getMessage();
        assertTrue(never.startsWith(plain + ": is not a whole gzip file: "), never);
    }

    @Test
    void allFaultsAreToldWhereTheyAreAsked() throws IOException {
        Path lines =
                file("1.jsonl", "{\"text\": \"a\"}\n{\"text\": }\n{\"text\": \"\"}\n{\"text\": \"b\"}\n{\"no\": 1}\n");
        Path table = file("2.csv", "text,n\nc,1\n,2\nd\ne,3\n");
        Path array = file("3.json", "[{\"text\": 1},\n{\"text\": \"f\"},\n oops]");
        Path empty = file("4.txt", "\n");
        List<String> faults = new ArrayList<>();
        List<Row> rows = new ArrayList<>();
        DataRows read = DataFiles.readWhatCanBe(
                in("[123].*"), Columns.auto(), rows::add, fault -> faults.add(String.valueOf(fault.getMessage())));
        assertEquals(
                List.of("a", "b", "c", "e", "f"),
                rows.stream().map(row -> ((PlainText) row).text()).toList());
        assertEquals(2, read.blank(), "texts that say nothing are left out");
        assertEquals(5, faults.size(), faults.toString());
        assertTrue(faults.get(0).startsWith(lines + ", line 2: is not valid JSON"), faults.get(0));
        assertTrue(faults.get(1).startsWith(lines + ", line 5: has no \"text\""), faults.get(1));
        assertTrue(faults.get(2).startsWith(table + ", line 4: has 1 value, "), faults.get(2));
        assertEquals(array + ", line 1: \"text\" must be a string, found 1", faults.get(3));
        assertTrue(faults.get(4).startsWith(array + ", line 3: is not valid JSON"), faults.get(4));
        faults.clear();
        DataFiles.readWhatCanBe(
                DataReference.of(empty),
                Columns.auto(),
                rows::add,
                fault -> faults.add(String.valueOf(fault.getMessage())));
        assertEquals(List.of(empty + ": holds no rows"), faults);
    }

    @Test
    void rowsThatCanBeUsedAreGivenOnRatherThanKept() throws IOException {
        Path lines = file("1.jsonl", "{\"text\": \"a\"}\n{\"text\": }\n{\"text\": \"\"}\n{\"text\": \"b\"}\n");
        List<Row> rows = new ArrayList<>();
        List<String> faults = new ArrayList<>();
        DataRows read = DataFiles.readWhatCanBe(
                DataReference.of(lines),
                Columns.auto(),
                rows::add,
                fault -> faults.add(String.valueOf(fault.getMessage())));
        DataRows kept = DataFiles.readWithoutFaulty(DataReference.of(lines), Columns.auto(), fault -> {});
        assertEquals(kept.rows(), rows);
        assertEquals(2, rows.size());
        assertEquals(1, faults.size(), faults.toString());
        assertEquals(new DataRows(List.of(), kept.format(), kept.columns(), kept.classes(), 1), read);
    }
}
