package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Numbers for the names of classes, in rows by which a model is judged. */
class HeldOutNumbersEndToEndTest {
    private static final String STORIES = Fixtures.of("stories260K").toString();

    @TempDir
    Path folder;

    private Path names;
    private Path trained;

    @BeforeEach
    void aClassifierOfThree() throws IOException {
        names = file("names.csv", "bad", "mid", "top", "bad", "mid", "top");
        trained = folder.resolve("trained");
        Captured call = train(names, names, trained);
        assertEquals(0, call.status(), call.err());
    }

    private Path file(String name, String... labels) throws IOException {
        StringBuilder rows = new StringBuilder("text,label\n");
        for (int i = 0; i < labels.length; i++) {
            rows.append("Once upon a time ")
                    .append(i)
                    .append(',')
                    .append(labels[i])
                    .append('\n');
        }
        return Files.writeString(folder.resolve(name), rows);
    }

    private static Captured train(Path rows, Path held, Path output) {
        return Captured.loft(
                "train",
                "--model",
                STORIES,
                "--task",
                "sequence-classification",
                "--data",
                rows.toString(),
                "--eval-data",
                held.toString(),
                "--max-steps",
                "1",
                "--rank",
                "2",
                "--output",
                output.toString());
    }

    private Captured eval(Path rows) {
        return Captured.loft(
                "eval", "--model", STORIES, "--adapter", trained.toString(), "--data", rows.toString(), "--json");
    }

    @Test
    void thoseThatBeginWith0AreTakenForTheNamesAndTold() throws IOException {
        Captured call = eval(file("zero.csv", "0", "2", "0"));
        assertEquals(0, call.status(), call.err());
        assertTrue(
                call.err()
                        .contains(
                                "the labels \"0\", \"2\" are taken for the model's \"bad\", \"mid\", \"top\", by number"),
                call.err());
        assertFalse(eval(names).err().contains("by number"));
    }

    @Test
    void thoseOfWhichItIsNotKnownAreRefused() throws IOException {
        Path one = file("one.csv", "1", "2");
        Captured call = eval(one);
        assertEquals(1, call.status(), call.out());
        assertTrue(call.err().contains("one.csv, line 2: labels are numbers, \"1\", \"2\", without a 0"), call.err());

        Path mixed = file("mixed.csv", "bad", "2");
        call = eval(mixed);
        assertEquals(1, call.status(), call.out());
        assertTrue(
                call.err().contains("mixed.csv, line 3: labels are numbers, \"2\", beside names, \"bad\""), call.err());

        assertEquals(1, eval(file("zeros.csv", "00", "002")).status());

        for (Path held : new Path[] {one, mixed}) {
            Path output = folder.resolve("refused");
            call = train(names, held, output);
            assertEquals(1, call.status(), call.err());
            assertFalse(Files.exists(output));
            call = Captured.loft(
                    "data",
                    "check",
                    "--model",
                    STORIES,
                    "--task",
                    "sequence-classification",
                    "--data",
                    names.toString(),
                    "--eval-data",
                    held.toString());
            assertEquals(1, call.status(), call.out());
            assertTrue(call.out().contains("number"), call.out());
        }
    }
}
