package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.DataReference;
import org.loft4j.data.Dataset;
import org.loft4j.data.PlainText;
import org.loft4j.data.Row;
import org.loft4j.data.StreamingDataset;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.nn.Task;

/** Rows that cannot be used end a call, or are left out and told. */
class FaultyRowsTest {
    @TempDir
    Path folder;

    private final StringWriter told = new StringWriter();
    private final FaultyRows skipping = new FaultyRows(true, new PrintWriter(told, true));

    private DataReference file(String name, String text) throws IOException {
        return DataReference.of(Files.writeString(folder.resolve(name), text));
    }

    @Test
    void rowsThatCannotBeReadAreLeftOut() throws IOException {
        DataReference rows = file(
                "rows.jsonl",
                "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"a\", \"output\": \"\"}\n[]\n"
                        + "{\"instruction\": \"c\", \"output\": \"d\"}\n");
        assertThrows(DataException.class, () -> FaultyRows.END.read(rows, Columns.auto(), "training"));
        assertEquals(2, skipping.read(rows, Columns.auto(), "training").rows().size());
        assertTrue(
                told.toString()
                        .startsWith("loft: 2 training rows are left out (--skip-faulty-rows):\n  " + rows.shown()
                                + ", line 2: \"output\" is empty\n"),
                told.toString());
    }

    @Test
    void aFileThatCannotBeReadToItsEndEndsTheCall() throws IOException {
        for (DataReference whole : List.of(
                file("cut.json", "[{\"text\": \"a\"}, {\"text\": "),
                file("none.csv", "text\n"),
                file("open.csv", "text,label\n\"a,b\n"))) {
            assertThrows(DataException.class, () -> skipping.read(whole, Columns.auto(), "training"), whole.shown());
        }
        DataReference alone = file("alone.jsonl", "{\"prompt\": \"a\", \"completion\": \"\"}\n");
        DataException fault = assertThrows(DataException.class, () -> skipping.read(alone, Columns.auto(), "training"));
        assertTrue(String.valueOf(fault.getMessage()).endsWith("\"completion\" is empty"), fault.getMessage());
    }

    @Test
    void rowsThatCannotBeEncodedAreLeftOutWhereverTheyLie() throws IOException {
        List<Row> rows = IntStream.range(0, 100)
                .<Row>mapToObj(i -> new PlainText(i % 10 == 3 || i > 96 ? "bad" : "good"))
                .toList();
        StreamingDataset.Encoder encoder = some -> {
            for (Row row : some) {
                if (((PlainText) row).text().equals("bad")) {
                    throw row.origin().fault("is bad");
                }
            }
            return Dataset.causalLmIds(
                    some.stream().map(row -> new int[] {1, 2}).toList());
        };
        FaultyRows.Kept kept = skipping.encode(rows, encoder, "test");
        assertEquals(87, kept.examples().size());
        assertEquals(87, kept.rows().size());
        assertTrue(
                told.toString().startsWith("loft: 13 test rows are left out (--skip-faulty-rows):\n"), told.toString());
        assertTrue(told.toString().endsWith("is bad\n  …\n"), told.toString());
        assertThrows(DataException.class, () -> FaultyRows.END.encode(rows, encoder, "test"));
        assertThrows(DataException.class, () -> skipping.encode(rows.subList(3, 4), encoder, "test"));
    }

    @Test
    void aTrainingGoesOnWithoutThem() throws IOException {
        Path model = TinyModels.encoder(folder.resolve("base"));
        Path rows = TinyModels.colours(folder.resolve("rows.csv"), 20);
        Files.writeString(rows, Files.readString(rows) + "\"\",red\n");
        Path held = Files.writeString(folder.resolve("held.csv"), "text,label\nred ball,red\nred ball,green\n");
        String[] call = {
            "train",
            "--model",
            model.toString(),
            "--data",
            rows.toString(),
            "--eval-data",
            held.toString(),
            "--max-steps",
            "2",
            "--save-steps",
            "1",
            "--output",
            folder.resolve("run").toString()
        };
        Captured refused = Captured.loft(call);
        assertEquals(1, refused.status(), refused.err());
        assertTrue(refused.err().contains("line 22: \"text\" is empty"), refused.err());
        String[] skips = Arrays.copyOf(call, call.length + 1);
        skips[call.length] = "--skip-faulty-rows";
        Captured run = Captured.loft(skips);
        assertEquals(0, run.status(), run.err());
        assertTrue(run.err().contains("loft: 1 training row is left out (--skip-faulty-rows):"), run.err());
        assertTrue(run.err().contains("loft: 1 held-out row is left out (--skip-faulty-rows):"), run.err());
        assertTrue(run.err().contains("20 rows"), run.err());
        Captured resumed = Captured.loft(
                "train",
                "--config",
                folder.resolve("run").resolve("config.yaml").toString(),
                "--resume");
        assertEquals(0, resumed.status(), resumed.err());
        Captured judged = Captured.loft(
                "eval",
                "--model",
                model.toString(),
                "--adapter",
                folder.resolve("run").toString(),
                "--data",
                held.toString(),
                "--skip-faulty-rows");
        assertEquals(0, judged.status(), judged.err());
        assertTrue(judged.out().contains("1 row of "), judged.out());
        String[] streamed = Arrays.copyOf(skips, skips.length + 1);
        streamed[skips.length] = "--streaming";
        Captured both = Captured.loft(streamed);
        assertEquals(2, both.status(), both.err());
        assertTrue(both.err().contains("--skip-faulty-rows and --streaming exclude each other"), both.err());
    }

    @Test
    void blankTextsAreLeftOutWhereAllIsTextAndCounted() throws IOException {
        for (DataReference rows : List.of(
                file("rows.jsonl", "{\"text\": \"\"}\n{\"text\": \"a b\"}\n{\"text\": \" \\n\"}\n"),
                file("rows.csv", "text,more\n,1\na b,2\n ,3\n"),
                file("rows.tsv", "text\tmore\n\t1\na b\t2\n \t3\n"))) {
            DataFlags data = new DataFlags();
            data.data = rows;
            TrainingRows read = TrainingRows.read(LearntTask.of(Task.CAUSAL_LM), data, null, 0, 0);
            assertEquals(1, read.train().size());
            assertTrue(read.shape().endsWith("; 2 blank texts left out"), read.shape());
            StreamedRows streamed =
                    StreamedRows.read(LearntTask.of(Task.CAUSAL_LM), data, null, 0, 0, PreferenceLoss.Kind.SIGMOID);
            assertEquals(1, streamed.scan().rows());
            assertTrue(
                    streamed.known().shape().endsWith("; 2 blank texts left out"),
                    streamed.known().shape());
        }
        DataReference labelled = file("labelled.csv", "text,label\n,x\n");
        assertThrows(DataException.class, () -> FaultyRows.END.read(labelled, Columns.auto(), "training"));
    }
}
