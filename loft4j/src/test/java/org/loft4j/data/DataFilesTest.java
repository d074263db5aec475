package org.loft4j.data;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

class DataFilesTest {
    @TempDir
    Path folder;

    private Path file(String name, String text) throws IOException {
        return Files.write(folder.resolve(name), text.getBytes(UTF_8));
    }

    private void assertFault(String message, Path file, Columns columns) {
        var fault = assertThrows(DataException.class, () -> DataFiles.read(file, columns));
        assertEquals(file + message, fault.getMessage());
    }

    private void assertFault(String message, Path file) {
        assertFault(message, file, Columns.auto());
    }

    @Test
    void jsonLinesHoldLabelledTexts() throws IOException {
        Path file = file(
                "a.jsonl",
                "{\"text\": \"good\", \"label\": \" yes \"}\r\n\n{\"label\": 3, \"text\": \"bad\", \"id\": []}\n"
                        + "{\"text\": \"c\", \"label\": true}");
        assertEquals(
                List.of(
                        new LabeledText("good", "yes", new Origin(file, 1)),
                        new LabeledText("bad", "3", new Origin(file, 3)),
                        new LabeledText("c", "true", new Origin(file, 4))),
                DataFiles.read(file));
    }

    @Test
    void jsonLinesHoldPromptsAndTexts() throws IOException {
        Path prompts = file("a.ndjson", "{\"prompt\":\"2 + 2 =\",\"completion\":\" 4\"}\n");
        assertEquals(List.of(new PromptCompletion("2 + 2 =", " 4", new Origin(prompts, 1))), DataFiles.read(prompts));
        Path texts = file("b.JSONL", "\uFEFF{\"text\":\"é 😀\"}");
        assertEquals(List.of(new PlainText("é 😀", new Origin(texts, 1))), DataFiles.read(texts));
    }

    @Test
    void jsonIsLinesOrOneArray() throws IOException {
        Path array = file("a.json", "\n[\n {\"text\": \"a\"},\n {\n  \"text\": \"b\"}]\n");
        assertEquals(
                List.of(new PlainText("a", new Origin(array, 3)), new PlainText("b", new Origin(array, 4))),
                DataFiles.read(array));
        Path lines = file("b.json", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
        assertEquals(2, DataFiles.read(lines).size());
    }

    @Test
    void brokenJsonIsAFaultOfItsLine() throws IOException {
        String good = "{\"text\": \"a\"}\n";
        assertFault(
                ", line 2: is not valid JSON: Unexpected end-of-input: expected close marker for Object (column 13)",
                file("a.jsonl", good + "{\"text\": \"b\"\n"));
        assertTrue(assertThrows(DataException.class, () -> DataFiles.read(file("b.jsonl", good + good + "text\n")))
                .getMessage()
                .contains(", line 3: is not valid JSON: Unrecognized token 'text'"));
        assertFault(
                ", line 1: has more after the end of the object", file("c.jsonl", "{\"text\":\"a\"} {\"text\":\"b\"}"));
        assertFault(
                ", line 1: is not valid JSON: Duplicate field 'text' (column 19)",
                file("d.jsonl", "{\"text\":\"a\",\"text\":\"b\"}"));
        assertFault(
                ", line 1: is not valid JSON: Document nesting depth (1001) exceeds the maximum allowed"
                        + " (1000, from `StreamReadConstraints.getMaxNestingDepth()`)",
                file("e.jsonl", "[".repeat(5000)));
        assertFault(
                ", line 1: must be a JSON object such as {\"text\": \"…\"}, found an array",
                file("f.jsonl", "[{\"text\": \"a\"}]"));
        assertTrue(assertThrows(
                        DataException.class, () -> DataFiles.read(file("g.json", "[\n{\"text\":\"a\"},\n{\"text\":")))
                .getMessage()
                .contains(", line 3: is not valid JSON: Unexpected end-of-input"));
        assertTrue(assertThrows(DataException.class, () -> DataFiles.read(file("h.json", "[{\"text\":\"a\"}\n,\n")))
                .getMessage()
                .contains("is not valid JSON"));
        assertFault(
                ", line 2: has more after the end of the array",
                file("i.json", "[{\"text\":\"a\"}]\n{\"text\":\"a\"}"));
        assertFault(", line 1: must be a JSON object such as {\"text\": \"…\"}, found 7", file("j.json", "[7]"));
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '`', delimiter = '|', textBlock = """
            {"label": 1}                      | has no "text"; it has "label" (text_column, --text-column, names another)
            {"sentence": "a"}                 | has no "text"; it has "sentence" (text_column, --text-column, names another)
            {}                                | has no "text"; it has nothing (text_column, --text-column, names another)
            {"prompt": "a"}                   | has no "completion"; it has "prompt" (completion_column, --completion-column, names another)
            {"prompt": "a", "completion": ""} | "completion" is empty
            {"text": 5}                       | "text" must be a string, found 5
            {"text": null}                    | "text" must be a string, found null
            {"text": ["a"]}                   | "text" must be a string, found an array
            {"text": "", "label": "a"}        | "text" is empty
            {"text": " \\t ", "label": "a"}   | "text" is empty
            {"text": "a", "label": ""}        | "label" is empty
            {"text": "a", "label": null}      | "label" must be a name or a whole number, found null
            {"text": "a", "label": 0.5}       | "label" must be a name or a whole number, found 0.5: a class is no fraction; --problem-type regression learns numbers
            {"text": "a", "label": {}}        | "label" must be a name or a whole number, found an object
            {"text": "a\\ud800"}              | "text" holds half a surrogate pair: \\ud800
            {"text": "a\\udc00\\ud800"}       | "text" holds half a surrogate pair: \\udc00
            {"text": "a\\u0000"}              | "text" holds a NUL character
            """)
    void wrongRowsAreFaults(String row, String fault) throws IOException {
        assertFault(", line 2: " + fault, file("a.jsonl", "\n" + row + "\n"));
    }

    @Test
    void aFileOfBlankTextsIsAFault() throws IOException {
        assertFault(
                ": holds no rows but those whose text is blank",
                file("blank.jsonl", "{\"text\": \"\"}\n{\"text\": \" \"}\n"));
    }

    @Test
    void allRowsAreOfOneKind() throws IOException {
        String labelled = "{\"text\":\"a\",\"label\":1}\n";
        String plain = "{\"text\":\"a\"}\n";
        String prompt = "{\"prompt\":\"a\",\"completion\":\"b\"}\n";
        assertFault(
                ", line 2: has no \"label\"; it has \"text\", but line 1 has \"text\" and \"label\": all rows must be of one kind",
                file("a.jsonl", labelled + plain));
        assertFault(
                ", line 3: has a \"label\", but line 1 has none: all rows must be of one kind",
                file("b.jsonl", plain + plain + labelled));
        String pair = "{\"text\":\"a\",\"text_pair\":\"b\",\"label\":1}\n";
        assertFault(
                ", line 2: has a \"text_pair\", but line 1 has none: all rows must be of one kind (where the second text is"
                        + " not to be read, --text-column names the first)",
                file("pair.jsonl", labelled + pair));
        assertEquals(
                2,
                DataFiles.read(file("one.jsonl", labelled + pair), Columns.of("text", "label"))
                        .size());
        assertFault(
                ", line 2: has no \"text\"; it has \"prompt\", \"completion\", but line 1 has \"text\" without a label:"
                        + " all rows must be of one kind",
                file("c.jsonl", plain + prompt));
        assertFault(
                ", line 1: has both \"text\" and \"prompt\": name the columns to read"
                        + " (text_column, or prompt_column and completion_column), or the format (text, prompt or alpaca)",
                file("d.jsonl", "{\"text\":\"a\",\"prompt\":\"b\",\"completion\":\"c\"}"));
    }

    @Test
    void theCallerMayNameColumns() throws IOException {
        String row =
                "{\"text\":\"t\",\"label\":\"l\",\"sentence\":\"s\",\"class\":2,\"prompt\":\"p\",\"completion\":\"c\"}";
        Path file = file("a.jsonl", row);
        var origin = new Origin(file, 1);
        assertEquals(List.of(new LabeledText("s", "2", origin)), DataFiles.read(file, Columns.of("sentence", "class")));
        assertEquals(List.of(new LabeledText("s", "l", origin)), DataFiles.read(file, Columns.of("sentence", null)));
        assertEquals(
                List.of(new PromptCompletion("t", "s", origin)),
                DataFiles.read(file, new Columns(null, null, "text", "sentence")));
        assertFault(
                ", line 1: has no \"klass\"; it has \"text\", \"label\", \"sentence\", \"class\", \"prompt\", \"completion\""
                        + " (label_column, --label-column, names another)",
                file,
                Columns.of("sentence", "klass"));
        assertEquals(List.of(new LabeledText("t", "2", origin)), DataFiles.read(file, Columns.of(null, "class")));
        assertThrows(ConfigException.class, () -> Columns.of("a", "a"));
        assertThrows(ConfigException.class, () -> Columns.of(null, "text"));
        assertThrows(ConfigException.class, () -> new Columns(null, null, "a", null));
        assertThrows(ConfigException.class, () -> new Columns("t", null, "a", "b"));
    }

    @Test
    void theCallerMayNameTheTagsOfTokens() throws IOException {
        Path file = file("a.jsonl", "{\"tokens\": [\"Ann\"], \"pos_tags\": [\"NNP\"], \"ner_tags\": [\"B-PER\"]}");
        for (Columns columns :
                List.of(Columns.of(null, "pos_tags"), new Columns(null, "pos_tags", null, null, RowFormat.TAGS))) {
            assertEquals(
                    List.of(new TaggedWords(List.of("Ann"), List.of("NNP"), new Origin(file, 1))),
                    DataFiles.read(file, columns));
        }
    }

    @Test
    void plainTextHasARowForEachLineThatIsNotBlank() throws IOException {
        Path file = file("a.txt", "\uFEFFone\r\n\n  \n two\n");
        assertEquals(
                List.of(new PlainText("one", new Origin(file, 1)), new PlainText(" two", new Origin(file, 4))),
                DataFiles.read(file));
        assertFault(": is plain text and has no columns to name", file, Columns.of("text", null));
    }

    @Test
    void onlyUtf8TextIsRead() throws IOException {
        Path latin = Files.write(folder.resolve("a.txt"), "one\ntwo\ncafé\n".getBytes(ISO_8859_1));
        assertFault(", line 3: is not UTF-8 (byte 0xE9); save it as UTF-8 (in Excel as the type \"CSV UTF-8\")", latin);
        Path cut = Files.write(folder.resolve("b.jsonl"), new byte[] {'\n', (byte) 0xE2, (byte) 0x82});
        assertFault(", line 2: is not UTF-8 (byte 0xE2); save it as UTF-8 (in Excel as the type \"CSV UTF-8\")", cut);
        Path wide = Files.write(folder.resolve("c.csv"), "\uFEFFtext".getBytes(UTF_16LE));
        assertFault(", line 1: is UTF-16; save it as UTF-8 (in Excel as the type \"CSV UTF-8\")", wide);
        assertFault(", line 2: holds a NUL character: not a text file", file("d.txt", "a\nb\0\n"));
        Path packed = Files.write(folder.resolve("e.csv"), new byte[] {0x1F, (byte) 0x8B, 8, 0});
        assertFault(": is packed by gzip: put .gz behind its name", packed);
    }

    @Test
    void filesWithoutRowsAreFaults() throws IOException {
        for (String name : List.of("a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt")) {
            assertFault(": holds no rows", file(name, "\n \n".substring(name.endsWith("sv") ? 2 : 0)));
        }
        assertFault(": holds no rows", file("b.csv", "text,label\n"));
        assertFault(": holds no rows", file("b.json", "[]"));
        assertFault(": there is no such file", folder.resolve("none.csv"));
        Path inside = Files.createDirectory(folder.resolve("d.csv"));
        assertFault(": is a directory; name a file in it, or several by a pattern (" + inside + "/*.csv)", inside);
        assertFault(
                ": is of no known format: the name must end in .jsonl, .ndjson, .json, .csv, .tsv or .txt, each also with .gz"
                        + " behind it, in .jsonl.zst or in .parquet",
                file("a.xls", "text"));
    }
}
