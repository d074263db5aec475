package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.nn.Model;

class RunRecorderTest {
    private static final Path OPEN = Path.of("/proc/self/fd");

    @TempDir
    Path directory;

    private static List<Path> openBelow(Path place) throws IOException {
        List<Path> open = new ArrayList<>();
        try (Stream<Path> all = Files.list(OPEN)) {
            for (Path link : all.filter(Files::isSymbolicLink).toList()) {
                // the list itself is open no more
                Path file = Files.exists(link) ? Files.readSymbolicLink(link) : OPEN;
                if (file.startsWith(place)) {
                    open.add(file);
                }
            }
        }
        return open;
    }

    /** As that which could not be written before the run ended, though the state that it was saved with has it. */
    @Test
    void aLineThatTheMetricsLackIsWrittenWhenTheRunGoesOn() throws IOException {
        TrainConfig config = TinyRun.config(Method.LORA).loggingSteps(1).build();
        Path whole = directory.resolve("whole");
        TinyRun.train(config, whole, OnExisting.REFUSE);
        Path run = directory.resolve("run");
        try (Model model = TinyRun.model();
                TrainingRun stopped = TinyRun.open(model, config, run, OnExisting.REFUSE)) {
            stopped.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == 7) {
                        stopped.requestStop();
                    }
                }
            });
            stopped.run();
        }
        Path metrics = run.resolve(RunOutput.METRICS);
        List<String> lines = Files.readAllLines(metrics);
        // a torn line is none
        String torn = lines.remove(lines.size() - 1).substring(0, 20);
        Files.writeString(metrics, String.join("\n", lines) + "\n" + torn);
        TinyRun.train(config, run, OnExisting.RESUME);
        TrainingRunEndToEndTest.assertSameResult(Method.LORA, whole, run, 24);
    }

    @Test
    void whatWasOpenedIsClosedWhereItsLastFileCannotBeWritten() throws IOException {
        assumeTrue(Files.isDirectory(OPEN));
        Path run = directory.toRealPath().resolve("run");
        TrainConfig config = TinyRun.config(Method.LOFT).saveSteps(1).build();
        assertThrows(
                UncheckedIOException.class,
                () -> TinyRun.train(config, run, OnExisting.REFUSE, new TrainListener() {
                    @Override
                    public void onSave(long step, Path checkpoint) {
                        throw new UncheckedIOException(new IOException("as if killed"));
                    }
                }));
        Files.delete(run.resolve(RunAbout.FILE));
        Files.createDirectories(run.resolve(RunAbout.FILE).resolve("taken"));
        assertThrows(IOException.class, () -> TinyRun.train(config, run, OnExisting.RESUME));
        assertEquals(List.of(), openBelow(run));
    }
}
