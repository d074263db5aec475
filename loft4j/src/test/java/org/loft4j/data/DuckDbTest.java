package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;

class DuckDbTest {
    @TempDir
    Path folder;

    /** Writes the result of a query into a file, in the format of its name. */
    private Path write(String name, String query) throws SQLException {
        Path file = folder.resolve(name);
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute("COPY (" + query + ") TO '" + file + "'"
                    + (name.endsWith(".jsonl.zst") ? " (FORMAT json, COMPRESSION zstd)" : ""));
        }
        return file;
    }

    private static List<Row> query(String text) throws DataException {
        return DataFiles.read(new DataReference(text), Columns.auto());
    }

    private static String fault(String text) {
        return String.valueOf(
                assertThrows(DataException.class, () -> query(text)).getMessage());
    }

    /** Which of two is meant nobody can tell; a table would call the second by another name. */
    @Test
    void aColumnThatIsThereTwiceIsRefused() throws Exception {
        for (String select : List.of(
                "SELECT 'a' AS text, 'b' AS text, 'x' AS label",
                "SELECT 'a' AS text, 'b' AS Text, 'x' AS label",
                "SELECT * FROM (SELECT 1 AS id, 'w' AS label) AS y JOIN (SELECT 1 AS id, 't' AS text, 'l' AS label) AS x"
                        + " ON x.id = y.id")) {
            String fault = fault(select);
            assertTrue(fault.contains("twice: name the columns that are wanted"), fault);
        }
        assertEquals(
                1, query("SELECT 1 AS id, 'a' AS text, 'x' AS label, 2 AS id").size(), "nobody reads an id");
    }

    private static Origin row(Object source, long number) {
        return new Origin(source.toString(), number, Origin.Unit.ROW);
    }

    @Test
    void parquetHoldsTheSameKindsOfRows() throws Exception {
        Path labelled = write("a.parquet", "SELECT 'good' AS text, true AS label, 1.5 AS score");
        assertEquals(List.of(new LabeledText("good", "true", row(labelled, 1))), DataFiles.read(labelled));
        Path plain = write("b.parquet", "SELECT * FROM (VALUES ('é 😀', 'NaN'::DOUBLE), ('b', 1)) AS t(text, score)");
        assertEquals(
                List.of(new PlainText("é 😀", row(plain, 1)), new PlainText("b", row(plain, 2))),
                DataFiles.read(plain));
        Path named = write("c.parquet", "SELECT 'x' AS review, 3 AS \"the \"\"stars\"\"\"");
        assertEquals(
                List.of(new LabeledText("x", "3", row(named, 1))),
                DataFiles.read(named, Columns.of("review", "the \"stars\"")));
    }

    /** As in a container of servlets, which asks for the drivers of a program before its class path is known. */
    /** What a query gives is known by the names of its columns: it may sort a day before its first row. */
    @Test
    void theKindOfAQueryIsToldWithoutRunningIt() {
        DataReference endless = new DataReference("SELECT 'a' AS anchor, CAST(sum(sin(range)) AS VARCHAR) AS positive"
                + " FROM range(100000000000000) ORDER BY positive");
        assertEquals(
                RowFormat.MATCH,
                assertTimeoutPreemptively(Duration.ofMinutes(1), () -> DataFiles.format(endless, Columns.auto())));
    }

    @Test
    void nobodyNeedsToHaveToldOfTheDriver() throws Exception {
        Path file = write("a.parquet", "SELECT 'x' AS text");
        Driver driver = DriverManager.getDriver("jdbc:duckdb:");
        DriverManager.deregisterDriver(driver);
        try {
            assertEquals(1, DataFiles.read(file).size());
        } finally {
            DriverManager.registerDriver(driver);
        }
    }

    /** As pandas writes what is missing. */
    @Test
    void aNumberThatIsNoneIsAFaultWhereItIsAskedForAlone() throws Exception {
        Path file = write("nan.parquet", "SELECT 'x' AS text, 'nan'::DOUBLE AS label, 'inf'::FLOAT AS weight");
        assertEquals(1, DataFiles.read(file, Columns.auto().questions()).size());
        String fault =
                assertThrows(DataException.class, () -> DataFiles.read(file)).getMessage();
        assertTrue(fault.contains("row 1: \"label\" must be a name or a whole number, found NaN"), fault);
        List<Row> scores = DataFiles.read(file, Columns.auto().withScores());
        assertEquals("NaN", ((LabeledText) scores.get(0)).label());
    }

    @Test
    void listsOfStructuresAreMessagesAsInJson() throws Exception {
        String json = "{\"messages\": [{\"role\": \"user\", \"content\": \"q\", \"name\": \"n\"},"
                + " {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"name\": \"f\", \"args\": {\"x\": 1}}]},"
                + " {\"role\": \"assistant\", \"content\": \"a\"}], \"tools\": [{\"type\": \"function\"}], \"system\": \"s\"}\n";
        Path lines = Files.writeString(folder.resolve("a.jsonl"), json);
        Path parquet = write("a.parquet", "FROM read_json('" + lines + "')");
        Conversation expected = (Conversation) DataFiles.read(lines).get(0);
        Conversation read = (Conversation) DataFiles.read(parquet).get(0);
        assertEquals(expected.messages(), read.messages());
        assertEquals("system", read.messages().get(0).role());
        assertEquals(expected.variables(), read.variables());
        assertEquals(row(parquet, 1), read.origin());
    }

    @Test
    void queriesSelectRowsOfSeveralFiles() throws Exception {
        for (int i = 0; i < 3; i++) {
            write("chats-" + i + ".parquet", "SELECT 'p" + i + "' AS prompt, 'c' AS completion, " + i + " AS score");
        }
        Files.writeString(folder.resolve("more.csv"), "prompt,completion,score\np3,c,9\n");
        String text = "SELECT prompt, completion FROM '" + folder + "/chats-*.parquet' WHERE score > 0\n"
                + "UNION ALL SELECT prompt, completion FROM '" + folder + "/more.csv' ORDER BY prompt -- all;";
        Origin first = row(new DataReference(text).shown(), 1);
        List<Row> rows = query(text);
        assertEquals(3, rows.size());
        assertEquals(new PromptCompletion("p1", "c", first), rows.get(0));
        assertEquals("p3", ((PromptCompletion) rows.get(2)).prompt());
    }

    @Test
    void queriesForRowsThatAreOnlyAskedNeedNoAnswer() throws Exception {
        DataReference query = new DataReference("SELECT 'p' AS prompt, NULL AS completion");
        assertEquals(
                List.of(new PromptCompletion("p", "", row(query.shown(), 1))),
                DataFiles.read(query, Columns.auto().questions()));
    }

    @Test
    void aNameIsNoPatternAndAFolderNoColumn() throws Exception {
        write("a1.parquet", "SELECT 'other' AS text");
        Path file = write("a[1].parquet", "SELECT 'meant' AS text");
        assertEquals(List.of(new PlainText("meant", row(file, 1))), DataFiles.read(file));
        Files.createDirectories(folder.resolve("label=1"));
        Path inside = write("label=1/a.parquet", "SELECT 'plain' AS text");
        assertEquals(List.of(new PlainText("plain", row(inside, 1))), DataFiles.read(inside));
    }

    @Test
    void quotesInANameEndNoLiteral() throws Exception {
        Path plain = write("a.parquet", "SELECT 'meant' AS text");
        Path lines = write("a.jsonl.zst", "SELECT 'meant' AS text");
        for (String name : List.of(
                "it's.parquet",
                "''.parquet",
                "say \"a\".parquet",
                "a') UNION SELECT 'other' AS text --.parquet",
                "\\'.parquet",
                "$$.parquet",
                "it's.jsonl.zst")) {
            Path file = Files.copy(name.endsWith(".parquet") ? plain : lines, folder.resolve(name));
            assertEquals(List.of(new PlainText("meant", row(file, 1))), DataFiles.read(file), name);
        }
        Path missing = Files.createDirectory(folder.resolve("o'clock")).resolve("a.parquet");
        Files.write(missing, new byte[] {1, 2, 3});
        String fault = String.valueOf(
                assertThrows(DataException.class, () -> DataFiles.read(missing)).getMessage());
        assertTrue(fault.contains(missing.toString()), fault);
    }

    @Test
    void packedLinesKeepTheirText() throws Exception {
        Path packed = write("a.jsonl.zst", "SELECT '2020-01-01' AS text, '007' AS label");
        assertEquals(List.of(new LabeledText("2020-01-01", "007", row(packed, 1))), DataFiles.read(packed));
    }

    /** Of a line that is no JSON the others are read, as of one that is not packed. */
    @Test
    void aPackedLineThatIsNoJsonIsToldByItsPlace() throws Exception {
        for (String fault : List.of(
                "{\"text\": \"oops", "{\"text\": \"a\" \"b\": 1}", "{\"text\": \"a\tb\"}", "{} {}", "nonsense")) {
            Path packed = folder.resolve("faulty.jsonl.zst");
            String lines = "SELECT unnest(['{\"text\": \"a\"}', '" + fault + "', '{\"text\": \"c\"}'])";
            try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                    Statement statement = connection.createStatement()) {
                statement.execute("COPY (" + lines + ") TO '" + packed
                        + "' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '|', COMPRESSION zstd)");
            }
            List<String> faults = new ArrayList<>();
            List<Row> read = DataFiles.readWithoutFaulty(
                            DataReference.of(packed), Columns.auto(), found -> faults.add(found.getMessage()))
                    .rows();
            assertEquals(2, read.size(), fault);
            assertEquals(1, faults.size(), fault + " " + faults);
            assertTrue(faults.get(0).startsWith(packed + ", row 2: "), faults.get(0));
            assertThrows(DataException.class, () -> DataFiles.read(packed), fault);
        }
    }

    /** Whoever unpacks it takes a frame that has been cut for the end of the file: its rows would be missed by nobody. */
    @Test
    void aPackedFileThatHasBeenCutIsRefused() throws Exception {
        byte[] first = Files.readAllBytes(write("a.jsonl.zst", "SELECT 'a' || i AS text FROM range(50) AS t(i)"));
        byte[] second = Files.readAllBytes(write("b.jsonl.zst", "SELECT 'b' || i AS text FROM range(70) AS t(i)"));
        // a frame that is to be skipped: its magic number, its length, its bytes
        byte[] skipped = {0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3};
        byte[] all = new byte[first.length + skipped.length + second.length];
        System.arraycopy(first, 0, all, 0, first.length);
        System.arraycopy(skipped, 0, all, first.length, skipped.length);
        System.arraycopy(second, 0, all, first.length + skipped.length, second.length);
        Path packed = Files.write(folder.resolve("both.jsonl.zst"), all);
        assertEquals(120, DataFiles.read(packed).size());
        for (int length = all.length - 1; length > 0; length--) {
            if (length == first.length || length == first.length + skipped.length) {
                continue;
            }
            Path cut = Files.write(folder.resolve("cut.jsonl.zst"), Arrays.copyOf(all, length));
            assertEquals(
                    cut + ": is not a whole zstd file: its end is missing",
                    assertThrows(DataException.class, () -> DataFiles.read(cut)).getMessage(),
                    "cut to " + length);
        }
        Path other = Files.writeString(folder.resolve("other.jsonl.zst"), "{\"text\": \"not packed\"}\n");
        assertEquals(
                other + ": is no zstd file, or is damaged",
                assertThrows(DataException.class, () -> DataFiles.read(other)).getMessage());
    }

    @Test
    void faultsNameTheSourceTheRowAndTheCause() throws Exception {
        Path empty = write("a.parquet", "SELECT 'a' AS prompt, '' AS completion");
        assertEquals(
                empty + ", row 1: \"completion\" is empty",
                assertThrows(DataException.class, () -> DataFiles.read(empty)).getMessage());
        Path bytes = write("b.parquet", "SELECT 'a'::BLOB AS text");
        assertEquals(
                bytes + ": \"text\" holds bytes (BLOB), not text: decode(\"text\") in a query makes text of them",
                assertThrows(DataException.class, () -> DataFiles.read(bytes)).getMessage());
        Path torn = Files.writeString(folder.resolve("c.parquet"), "PAR1");
        String message = String.valueOf(
                assertThrows(DataException.class, () -> DataFiles.read(torn)).getMessage());
        assertEquals(torn + ": cannot be read to its end: it is damaged, or not what its name says", message);
        assertEquals(
                "query \"SELECT 1 AS other\": has no \"text\"; it has \"other\" (text_column, --text-column, names another)",
                fault("SELECT 1 AS other"));
        assertEquals(
                "query \"SELECT nothing\": Binder Error: Referenced column \"nothing\" was not found because the FROM"
                        + " clause is missing",
                fault("SELECT nothing"));
        assertEquals(
                "query \"SELECT 'a' AS text WHERE false\": holds no rows", fault("SELECT 'a' AS text WHERE false"));
        assertTrue(fault("SELECT text FROM 'none/*.parquet'").contains("No files found"), "a pattern without files");
    }

    @Test
    void nothingButASelectIsRun() throws Exception {
        Path target = folder.resolve("out.csv");
        assertEquals(
                "query \"FROM (SELECT 1); COPY (SELECT 1) TO '…\": Parser Error: Expected a single SELECT statement",
                fault("FROM (SELECT 1); COPY (SELECT 1) TO '" + target + "'").replaceAll("TO '.*…\"", "TO '…\""));
        assertFalse(Files.exists(target));
        assertTrue(fault("WITH x AS (SELECT 1) INSERT INTO t FROM x").contains("Parser Error"), "an INSERT");
        String network = fault("SELECT text FROM 'https://example.org/a.parquet'");
        assertTrue(network.endsWith("reads nothing over the network; get the file first"), network);
    }

    @Test
    void memoryAndSettingsAreBound() throws IOException {
        assertEquals(
                "953.6 MiB, true, false",
                ((PlainText) query("SELECT concat_ws(', ', current_setting('memory_limit'),"
                                        + " current_setting('lock_configuration'),"
                                        + " current_setting('autoinstall_known_extensions')) AS text")
                                .get(0))
                        .text());
    }

    /** Writes a file as the datasets library does, with the types of its columns. */
    private Path labelled(String name, String query, String features) throws SQLException {
        Path file = folder.resolve(name);
        try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
                Statement statement = connection.createStatement()) {
            statement.execute("COPY (" + query + ") TO '" + file
                    + "' (FORMAT parquet, KV_METADATA {huggingface: '{\"info\": {\"features\": " + features + "}}'})");
        }
        return file;
    }

    /** As GoEmotions has them on the hub. */
    @Test
    void listsOfNumbersHaveTheNamesThatTheFileGivesThem() throws Exception {
        Columns lists = Columns.auto().withSeveral(SeveralLabels.lists());
        String type =
                "{\"feature\": {\"names\": [\"joy\", \"anger\", \"love\"], \"_type\": \"ClassLabel\"}, \"_type\": \"Sequence\"}";
        Path file = labelled(
                "emotions.parquet",
                "SELECT * FROM (VALUES ('a', [2, 0]::INTEGER[]), ('b', []), ('c', [2])) AS t(text, labels)",
                "{\"text\": {\"dtype\": \"string\", \"_type\": \"Value\"}, \"labels\": " + type + "}");
        DataRows read = DataFiles.readRows(DataReference.of(file), lists);
        assertEquals(
                List.of(List.of("love", "joy"), List.of(), List.of("love")),
                read.rows().stream().map(row -> ((MultiLabelText) row).labels()).toList());
        assertEquals(List.of("joy", "anger", "love"), read.classes(), "one that no row has, too");
        Path none = labelled(
                "none.parquet",
                "SELECT * FROM (VALUES ('a', [1]::INTEGER[]), ('b', NULL)) AS t(text, labels)",
                "{\"labels\": " + type + "}");
        String fault = assertThrows(DataException.class, () -> DataFiles.read(DataReference.of(none), lists))
                .getMessage();
        assertTrue(fault.endsWith("row 2: \"labels\" must be an array of names, found null"), fault);
    }

    @Test
    void columnsOfFlagsAreOfAnyType() throws Exception {
        Columns flags = Columns.auto().withSeveral(new SeveralLabels(null, List.of("x", "y", "z")));
        List<Row> rows = DataFiles.read(
                new DataReference(
                        "SELECT 'a' AS text, 1::TINYINT AS x, true AS y, 0.0::DOUBLE AS z UNION ALL SELECT 'b', 0, false, 1"),
                flags);
        assertEquals(
                List.of(List.of("x", "y"), List.of("z")),
                rows.stream().map(row -> ((MultiLabelText) row).labels()).toList());
    }

    @Test
    void numbersOfClassesHaveTheNamesThatTheFileGivesThem() throws Exception {
        String type = "{\"names\": [\"World\", \"Sports\", \"Business\"], \"_type\": \"ClassLabel\"}";
        Path file = labelled(
                "news.parquet",
                "SELECT * FROM (VALUES ('a', 0::BIGINT), ('b', 2), ('c', 1)) AS t(text, label)",
                "{\"text\": {\"dtype\": \"string\", \"_type\": \"Value\"}, \"label\": " + type + "}");
        DataRows read = DataFiles.readRows(DataReference.of(file), Columns.auto());
        assertEquals(
                List.of("World", "Business", "Sports"),
                read.rows().stream().map(row -> ((LabeledText) row).label()).toList());
        assertEquals(
                List.of("World", "Sports", "Business"),
                Labels.of(read.rows()).inOrder(read.classes()).names());
        DataStream stream = DataFiles.stream(DataReference.of(file), Columns.auto());
        assertEquals(
                List.of("World", "Sports", "Business"),
                Labels.of(RowScan.of(stream)).inOrder(stream.classes()).names());
        Path hidden = labelled("test.parquet", "SELECT 'a' AS text, -1 AS label", "{\"label\": " + type + "}");
        DataException fault = assertThrows(DataException.class, () -> DataFiles.read(hidden));
        assertEquals(
                hidden
                        + ", row 1: \"label\" is -1, and the file names the classes 0 to 2: \"World\", \"Sports\", \"Business\"",
                fault.getMessage());
    }

    @Test
    void soHaveTheTagsOfWords() throws Exception {
        String type = "{\"names\": [\"O\", \"B-PER\"], \"_type\": \"ClassLabel\"}";
        for (String list : List.of(
                "{\"feature\": " + type + ", \"_type\": \"Sequence\"}",
                "{\"feature\": " + type + ", \"_type\": \"List\"}",
                "[" + type + "]")) {
            Path file = labelled(
                    "words.parquet",
                    "SELECT ['Ada', 'sang'] AS tokens, [1, 0] AS ner_tags",
                    "{\"ner_tags\": " + list + "}");
            assertEquals(
                    List.of("B-PER", "O"), ((TaggedWords) DataFiles.read(file).get(0)).tags(), list);
        }
        for (String other : List.of("{\"ner_tags\": {\"dtype\": \"int64\", \"_type\": \"Value\"}}", "[3]", "{}")) {
            Path file = labelled("words.parquet", "SELECT ['Ada', 'sang'] AS tokens, [1, 0] AS ner_tags", other);
            assertEquals(List.of("1", "0"), ((TaggedWords) DataFiles.read(file).get(0)).tags(), other);
        }
        assertEquals(ClassNames.NONE, ClassNames.read("no JSON"));
    }
}
