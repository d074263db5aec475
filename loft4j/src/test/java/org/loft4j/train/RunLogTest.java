package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;

class RunLogTest {
    @TempDir
    Path directory;

    private Path file;

    @BeforeEach
    void aLogOfThreeSteps() throws IOException {
        file = directory.resolve("metrics.jsonl");
        try (RunLog log = RunLog.open(file, 0)) {
            for (long step = 1; step <= 3; step++) {
                log.append(entry(step, 1.0 / step));
            }
            log.sync();
        }
    }

    private static Map<String, Object> entry(long step, double loss) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("step", step);
        entry.put("loss", loss);
        return entry;
    }

    @Test
    void oneObjectALineInTheOrderOfTheMap() throws IOException {
        assertEquals(
                List.of(
                        "{\"step\":1,\"loss\":1.0}",
                        "{\"step\":2,\"loss\":0.5}",
                        "{\"step\":3,\"loss\":0.3333333333333333}"),
                Files.readAllLines(file));
    }

    @Test
    void aNumberThatIsNotFiniteIsNull() throws IOException {
        try (RunLog log = RunLog.open(file, 3)) {
            log.append(entry(4, Double.NaN));
        }
        assertEquals("{\"step\":4,\"loss\":null}", Files.readAllLines(file).get(3));
    }

    @Test
    void aResumeCutsWhatComesAfterTheCheckpoint() throws IOException {
        try (RunLog log = RunLog.open(file, 2)) {
            log.append(entry(3, 9));
        }
        List<String> lines = Files.readAllLines(file);
        assertEquals(3, lines.size());
        assertEquals("{\"step\":3,\"loss\":9.0}", lines.get(2));
    }

    /** An evaluation that will be made again is told once, whatever came of it before. */
    @Test
    void aResumeCutsWhatIsPendingOfItsLastStep() throws IOException {
        RunLog.open(file, 2, line -> line.has("loss")).close();
        assertEquals(List.of("{\"step\":1,\"loss\":1.0}"), Files.readAllLines(file));
        RunLog.open(file, 1, line -> line.has("eval_loss")).close();
        assertEquals(1, Files.readAllLines(file).size());
    }

    @Test
    void aTornLastLineGoes() throws IOException {
        Files.writeString(file, "{\"step\":3,\"lo", StandardOpenOption.APPEND);
        RunLog.open(file, 3).close();
        assertEquals(3, Files.readAllLines(file).size());
        Files.writeString(file, "{\"step\":3,\"lo\n", StandardOpenOption.APPEND);
        RunLog.open(file, 3).close();
        assertEquals(3, Files.readAllLines(file).size());
    }

    @Test
    void whatCannotBeForcedToTheDiskIsNamed() throws IOException {
        RunLog log = RunLog.open(file, 3);
        log.close();
        String said = assertThrows(CheckpointException.class, log::sync).getMessage();
        assertTrue(said.startsWith(file + ": cannot be forced to the disk: "), said);
    }

    @Test
    void anInterruptLeavesItOpen() throws IOException {
        Thread.currentThread().interrupt();
        try (RunLog log = RunLog.open(file, 3)) {
            log.append(entry(4, 0.5));
            log.sync();
            log.append(entry(5, 0.25));
        } finally {
            assertTrue(Thread.interrupted());
        }
        assertEquals(5, Files.readAllLines(file).size());
    }

    @Test
    void aNewRunStartsAnEmptyFile() throws IOException {
        RunLog.open(file, 0).close();
        assertEquals(0, Files.size(file));
    }
}
