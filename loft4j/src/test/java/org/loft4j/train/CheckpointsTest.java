package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;

class CheckpointsTest {
    @TempDir
    Path directory;

    private Checkpoints checkpoints;

    @BeforeEach
    void three() throws IOException {
        checkpoints = new Checkpoints(directory);
        for (long step : new long[] {2, 10, 9}) {
            write(step);
        }
    }

    private void write(long step) throws IOException {
        checkpoints.write(step, side -> {
            Files.writeString(side.resolve("weights"), "weights of " + step);
            Files.writeString(side.resolve("state"), "state of " + step);
        });
    }

    @Test
    void theNewestIsTheOneOfTheHighestStep() throws IOException {
        assertEquals(List.of(2L, 9L, 10L), checkpoints.steps());
        assertEquals(directory.resolve("checkpoint-10"), checkpoints.newest());
    }

    @Test
    void anInterruptCostsNone() throws IOException {
        Thread.currentThread().interrupt();
        try {
            write(11);
            assertEquals(directory.resolve("checkpoint-11"), checkpoints.newest());
        } finally {
            assertTrue(Thread.interrupted());
        }
    }

    @Test
    void aShortenedFileIsNotWhole() throws IOException {
        Files.writeString(directory.resolve("checkpoint-10/weights"), "weights of");
        assertEquals(directory.resolve("checkpoint-9"), checkpoints.newest());
    }

    @Test
    void aChangedByteIsFoundAndNamed() throws IOException {
        Files.writeString(directory.resolve("checkpoint-10/weights"), "weights_of 10");
        CheckpointException fault =
                assertThrows(CheckpointException.class, () -> Checkpoints.verify(directory.resolve("checkpoint-10")));
        assertTrue(fault.getMessage().contains("weights: has not the checksum"), fault.getMessage());
        assertEquals(directory.resolve("checkpoint-9"), checkpoints.newest());
    }

    @Test
    void aMissingFileAndAMissingOrTornListAreNotWhole() throws IOException {
        Files.delete(directory.resolve("checkpoint-10/state"));
        assertEquals(directory.resolve("checkpoint-9"), checkpoints.newest());
        Files.delete(directory.resolve("checkpoint-9").resolve(Checkpoints.MANIFEST));
        assertEquals(directory.resolve("checkpoint-2"), checkpoints.newest());
        Files.writeString(directory.resolve("checkpoint-2").resolve(Checkpoints.MANIFEST), "{\"files\": {\"wei");
        String message =
                assertThrows(CheckpointException.class, checkpoints::newest).getMessage();
        assertTrue(message.startsWith(directory + ": none of its checkpoints is whole ("), message);
        assertTrue(message.contains("start anew in another directory"), message);
    }

    @Test
    void aFileInAFolderIsLookedAtLikeTheOthers() throws IOException {
        Path checkpoint = checkpoints.write(11, side -> {
            Files.writeString(side.resolve("weights"), "weights");
            Files.writeString(Files.createDirectory(side.resolve("templates")).resolve("for tools.jinja"), "tools");
        });
        Checkpoints.verify(checkpoint);
        Files.writeString(checkpoint.resolve("templates/for tools.jinja"), "Tools");
        CheckpointException fault = assertThrows(CheckpointException.class, () -> Checkpoints.verify(checkpoint));
        assertTrue(fault.getMessage().contains("for tools.jinja: has not the checksum"), fault.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"..", "a/..", "../a", "/a", "a/../../b", "a/b/c", "a\\\\b", "a:b"})
    void aListThatLeadsElsewhereIsNotFollowed(String name) throws IOException {
        Path checkpoint = directory.resolve("checkpoint-10");
        Files.writeString(checkpoint.resolve(Checkpoints.MANIFEST), "{\"files\": {\"" + name + "\": [7, 0]}}");
        CheckpointException fault = assertThrows(CheckpointException.class, () -> Checkpoints.verify(checkpoint));
        assertTrue(fault.getMessage().contains("is no name of a file"), fault.getMessage());
    }

    @Test
    void aNewDirectoryHasNone() throws IOException {
        assertNull(new Checkpoints(directory.resolve("new")).newest());
    }

    @Test
    void whatAKilledProcessLeftGoes() throws IOException {
        for (String name : List.of(".checkpoint-11.tmp", ".checkpoint-2.old")) {
            Files.createDirectories(directory.resolve(name));
            Files.writeString(directory.resolve(name).resolve("weights"), "half");
        }
        checkpoints.removeLeftovers();
        assertFalse(Files.exists(directory.resolve(".checkpoint-11.tmp")));
        assertFalse(Files.exists(directory.resolve(".checkpoint-2.old")));
        assertEquals(List.of(2L, 9L, 10L), checkpoints.steps());
    }

    @Test
    void aWriterThatFailsLeavesNothingThatLooksLikeACheckpoint() throws IOException {
        assertThrows(
                IOException.class,
                () -> checkpoints.write(11, side -> {
                    Files.writeString(side.resolve("weights"), "half");
                    throw new IOException("disk full");
                }));
        assertEquals(directory.resolve("checkpoint-10"), checkpoints.newest());
        assertFalse(Files.exists(directory.resolve(".checkpoint-11.tmp")));
    }

    @Test
    void aCheckpointCanBeWrittenAgain() throws IOException {
        Files.delete(directory.resolve("checkpoint-10/state"));
        write(10);
        assertEquals(directory.resolve("checkpoint-10"), checkpoints.newest());
        assertTrue(Files.exists(directory.resolve("checkpoint-10.set-aside-1/weights")));
    }

    @Test
    void theOldestGoButTheBestAndTheNewestStay() throws IOException {
        write(12);
        checkpoints.prune(0, Set.of(2L));
        assertEquals(List.of(2L, 9L, 10L, 12L), checkpoints.steps());
        checkpoints.prune(3, Set.of(2L));
        assertEquals(List.of(2L, 10L, 12L), checkpoints.steps());
        checkpoints.prune(1, Set.of(2L));
        assertEquals(List.of(2L, 12L), checkpoints.steps());
        checkpoints.prune(1, Set.of());
        assertEquals(List.of(12L), checkpoints.steps());
    }

    @Test
    void laterOnesGiveWayButStay() throws IOException {
        checkpoints.setAsideAfter(9);
        assertEquals(List.of(2L, 9L), checkpoints.steps());
        write(10);
        checkpoints.setAsideAfter(9);
        for (int number = 1; number <= 2; number++) {
            Path aside = directory.resolve("checkpoint-10.set-aside-" + number);
            assertEquals("weights of 10", Files.readString(aside.resolve("weights")));
        }
        checkpoints.removeAll();
        assertEquals(0, Objects.requireNonNull(directory.toFile().list()).length);
    }
}
