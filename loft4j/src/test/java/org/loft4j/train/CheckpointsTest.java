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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
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
        assertNull(checkpoints.newest());
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
        assertTrue(Files.exists(directory.resolve(".checkpoint-11.tmp")));
        checkpoints.removeLeftovers();
        assertFalse(Files.exists(directory.resolve(".checkpoint-11.tmp")));
    }

    @Test
    void aCheckpointCanBeWrittenAgain() throws IOException {
        Files.delete(directory.resolve("checkpoint-10/state"));
        write(10);
        assertEquals(directory.resolve("checkpoint-10"), checkpoints.newest());
    }

    @Test
    void theOldestGoButTheBestAndTheNewestStay() throws IOException {
        write(12);
        checkpoints.prune(0, 2);
        assertEquals(List.of(2L, 9L, 10L, 12L), checkpoints.steps());
        checkpoints.prune(3, 2);
        assertEquals(List.of(2L, 10L, 12L), checkpoints.steps());
        checkpoints.prune(1, 2);
        assertEquals(List.of(2L, 12L), checkpoints.steps());
        checkpoints.prune(1, 0);
        assertEquals(List.of(12L), checkpoints.steps());
    }

    @Test
    void laterOnesCanBeRemoved() throws IOException {
        checkpoints.removeAfter(9);
        assertEquals(List.of(2L, 9L), checkpoints.steps());
    }
}
