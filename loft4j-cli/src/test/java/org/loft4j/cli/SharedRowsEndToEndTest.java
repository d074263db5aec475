package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows that were learnt, or chose, and are tested on. */
class SharedRowsEndToEndTest {
    @TempDir
    Path directory;

    private Path rows(String name, List<String> rows) throws IOException {
        List<String> lines = new ArrayList<>(List.of("text,label"));
        lines.addAll(rows);
        return Files.write(directory.resolve(name), lines);
    }

    private Captured call(String verb, Path model, Path train, Path validation, Path test, String... more) {
        List<String> call = new ArrayList<>(List.of(verb));
        call.addAll(List.of(more));
        call.addAll(List.of("--model", model.toString(), "--data", train.toString()));
        call.addAll(List.of("--eval-data", validation.toString(), "--test-data", test.toString()));
        call.addAll(List.of("--output", directory.resolve(verb).toString(), "--max-steps", "1"));
        return Captured.loft(call.toArray(String[]::new));
    }

    @Test
    void theyAreCountedBeforeTheFirstRunAndUnderTheTable() throws IOException {
        Path model = TinyModels.encoder(directory.resolve("model"));
        List<String> all = Files.readAllLines(TinyModels.colours(directory.resolve("all.csv"), 20));
        List<String> learnt = all.subList(1, 13);
        Path train = rows("train.csv", learnt);
        Path validation = rows("valid.csv", all.subList(12, 17));
        // the same rows in another order have another checksum
        List<String> tested = new ArrayList<>(learnt.subList(0, 3));
        tested.addAll(all.subList(15, 19));
        Path test = rows("test.csv", tested);
        String[] told = {
            "3 of 7 test rows are training rows too",
            "2 of 7 test rows are validation rows too",
            "1 of 5 validation rows are training rows too"
        };

        Captured compared = call("compare", model, train, validation, test, "--methods", "lora", "--ranks", "1");
        assertEquals(0, compared.status(), compared.err());
        Captured reproduced = call("reproduce", model, train, validation, test, "rank", "--ranks", "1", "--seeds", "0");
        assertEquals(0, reproduced.status(), reproduced.err());
        String page = Files.readString(directory.resolve("reproduce/rank.html"));
        for (String line : told) {
            assertTrue(compared.err().contains("loft: " + line), compared.err());
            assertTrue(compared.out().contains("  " + line), compared.out());
            assertTrue(reproduced.err().contains("loft: " + line), reproduced.err());
            assertTrue(page.contains(line), page.replaceAll("data:image[^\"]*", ""));
        }

        Captured whole = call("compare", model, train, validation, validation, "--methods", "lora", "--ranks", "1");
        assertTrue(whole.err().contains("the test data are the validation data"), whole.err());
        assertFalse(whole.err().contains("5 of 5"), whole.err());
    }
}
