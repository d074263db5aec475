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
