package org.loft4j.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.DataException;

class TableRowsTest {
    private static final Path FILE = Path.of("rows");

    private static List<Row> read(String text, char separator) throws DataException {
        var rows = new ArrayList<Row>();
        var collector = new RowCollector(Columns.auto(), rows::add, null);
        var source = new SourceText(FILE, () -> new ByteArrayInputStream(text.getBytes(UTF_8)));
        try (RowReading reading = TableRows.open(source, collector, separator)) {
            while (reading.advance()) {
                // the collector has it
            }
        }
        return rows;
    }

    private static LabeledText row(String text, String label, long line) {
        return new LabeledText(text, label, new Origin(FILE, line));
    }

    private static void assertFault(String message, String text, char separator) {
        assertEquals(
                "rows, " + message,
                assertThrows(DataException.class, () -> read(text, separator)).getMessage());
    }

    @Test
    void csvQuotesSeparatorsLineEndsAndQuotes() throws DataException {
        assertEquals(
                List.of(
                        row("a, b", "x", 2),
                        row("two\nlines", "y", 3),
                        row("\"said\"", "x", 5),
                        row("plain", "z", 7),
                        row("end", "y", 8)),
                read("text,label\n\"a, b\",x\r\n\"two\nlines\",y\n\"\"\"said\"\"\",x\n\nplain, z \n\"end\",y", ','));
    }

    @Test
    void aTsvValueMayBeAQuoteAloneOrNothing() throws DataException {
        assertEquals(List.of(row("\"", "x", 2), row("b", "\"", 3)), read("text\tlabel\n\"\tx\nb\t\"\n", '\t'));
        assertEquals(
                read("instruction,output,input\na,b,\nc,d,e\n", ','),
                read("instruction\toutput\tinput\na\tb\t\nc\td\te\n", '\t'));
    }

    @Test
    void csvKeepsBlanksOfTexts() throws DataException {
        assertEquals(
                List.of(new PromptCompletion(" p ", " c", new Origin(FILE, 2))),
                read("prompt,completion\n p , c\n", ','));
        assertEquals(
                List.of(new PromptCompletion("p", " c ", new Origin(FILE, 2))),
                read("completion,prompt\n c ,p\n", ','));
    }

    @Test
    void columnsAreFoundByName() throws DataException {
        assertEquals(List.of(row("t", "1", 2)), read("id, label ,note,text\n7,1,,t\n", ','));
        assertEquals(List.of(new PlainText("t", new Origin(FILE, 2))), read(",,text\n1,2,t\n", ','));
    }

    @Test
    void brokenCsvIsAFaultOfTheRowThatBegins() {
        assertFault(
                "line 3: is not valid CSV: Missing closing quote for value",
                "text,label\na,1\n\"open,2\nb,3\nc,4\n",
                ',');
        assertFault(
                "line 3: is not valid CSV: Unexpected character ('z' (code 122)): Expected column separator character"
                        + " (',' (code 44)) or end-of-line",
                "text,label\na,1\n\"q\"z,2\n",
                ',');
        assertFault(
                "line 3: has 1 value, but the header names 2 columns: \"text\", \"label\"",
                "text,label\na,1\nb\n",
                ',');
        assertFault(
                "line 4: has 3 values, but the header names 2 columns: \"text\", \"label\"",
                "text,label\n\"a\nb\",1\nc,d,2\n",
                ',');
        assertFault("line 3: \"text\" is empty", "text,label\na,1\n,2\n", ',');
        assertFault("line 2: \"label\" is empty", "text,label\na,\n", ',');
    }

    @Test
    void theHeaderIsRequired() {
        assertFault(
                "line 1: the header (the first line must name the columns) has no \"text\" and no \"label\";"
                        + " it has \"I like it\", \"1\" (text_column, --text-column, and of a classifier label_column,"
                        + " --label-column, name others)",
                "I like it,1\n",
                ',');
        assertFault("line 1: the header names \"text\" twice", "text,text\na,b\n", ',');
        assertFault(
                "line 1: the header \"text;label\" is one column: the values must be separated by commas (.csv) or,"
                        + " in a .tsv file, tabs; it looks separated by semicolons: take off the quotes around the line",
                "\"text;label\"\na;1\n",
                ',');
        assertFault(
                "line 1: the header \"text;label\" is one column: the values must be separated by tabs; it looks"
                        + " separated by semicolons: name it .csv",
                "text;label\na;1\n",
                '\t');
        assertFault(
                "line 1: the header \"text\\tlabel\" is one column: the values must be separated by commas (.csv) or,"
                        + " in a .tsv file, tabs; it looks tab-separated: name it .tsv",
                "text\tlabel\na\t1\n",
                ',');
    }

    @Test
    void csvMayHaveSemicolonsInPlaceOfCommas() throws DataException {
        List<Row> expected = List.of(row("a, b", "1,5", 2), row("c; d", "2", 3));
        assertEquals(expected, read("text;label\na, b;1,5\n\"c; d\";2\n", ','));
        assertEquals(
                List.of(row("a", "1", 4)), read("\n\n\"label, of it\";text;label\nx;a;1\n", ','), "a comma in quotes");
        assertEquals(List.of(row("a", "1", 2)), read("text,label,\"a;b\"\na,1,x\n", ','), "a semicolon in quotes");
        assertEquals(List.of(row("a", "1", 2)), read("text,label,a;b\na,1,x\n", ','), "both");
    }

    @Test
    void tsvWithoutQuotingMayHoldStrayQuotes() throws DataException {
        assertEquals(
                List.of(
                        row("\"He left", "0", 2),
                        row("she agreed.\"", "1", 3),
                        row("a \"b\" c", "0", 4),
                        row("\"a\" and \"b\"", "1", 5),
                        row("quoted \"whole\"", "0", 6),
                        row(" blank", "1", 7)),
                read(
                        "text\tlabel\n\"He left\t0\nshe agreed.\"\t1\na \"b\" c\t0\n\"a\" and \"b\"\t1\n"
                                + "\"quoted \"\"whole\"\"\"\t0\n blank\t1\n",
                        '\t'));
    }

    @Test
    void tsvMayQuoteTabsAndLineEnds() throws DataException {
        assertEquals(
                List.of(row("a\tb", "0", 2), row("two\nlines", "1", 3)),
                read("text\tlabel\n\"a\tb\"\t0\n\"two\nlines\"\t1\n", '\t'));
    }

    @Test
    void oneColumnOfTsvMayQuoteLineEndsToo() throws DataException {
        assertEquals(
                List.of(
                        new PlainText("two\n\nlines, \"quoted\"", new Origin(FILE, 2)),
                        new PlainText("plain", new Origin(FILE, 5))),
                read("text\n\"two\n\nlines, \"\"quoted\"\"\"\nplain\n", '\t'));
    }

    @Test
    void oneColumnOfTsvMayHoldStrayQuotes() throws DataException {
        assertEquals(
                List.of(
                        new PlainText("a 5\" disk", new Origin(FILE, 2)),
                        new PlainText("\"a\" and \"b\"", new Origin(FILE, 3)),
                        new PlainText("he left.\"", new Origin(FILE, 4)),
                        new PlainText("whole", new Origin(FILE, 5))),
                read("text\na 5\" disk\n\"a\" and \"b\"\nhe left.\"\n\"whole\"\n", '\t'));
    }

    @Test
    void brokenTsvIsAFaultOfItsLine() {
        assertFault(
                "line 3: has 1 value, but the header names 2 columns: \"text\", \"label\"",
                "text\tlabel\na\t0\nb\nc\t1\n",
                '\t');
        assertFault(
                "line 1: the header \"text,label\" is one column: the values must be separated by tabs",
                "text,label\na,0\n",
                '\t');
    }

    @Test
    void aFaultOfATsvFileWithQuotesNamesTheLineThatSpeaksForThem() {
        String since =
                " (quotes may hold tabs and line ends in this file, since line 4 has 3 values and not 2, as those before)";
        assertFault(
                "line 3: is not valid TSV: Missing closing quote for value" + since,
                "text\tlabel\na\t0\n\"b\t1\nc\t1\t2\n",
                '\t');
        assertFault(
                "line 5: has 1 value, but the header names 2 columns: \"text\", \"label\""
                        + since.replace("line 4", "line 3"),
                "text\tlabel\na\t0\n\"b\tb\"\t1\nc\t1\nd\n",
                '\t');
    }

    @Test
    void listsHaveNoPlaceInText() {
        String cannot = ", but a table of text cannot hold lists: they are read from .jsonl, .json and .parquet";
        assertFault("line 1: has \"messages\"" + cannot, "messages\n[]\n", ',');
        assertFault("line 1: has \"tokens\" and \"tags\"" + cannot, "tokens,tags\na,b\n", ',');
    }
}
