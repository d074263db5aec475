package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.data.Tokenizer;

@DisabledOnOs(value = OS.WINDOWS, disabledReason = "links want a right there")
class LinksTest {
    private static final Path VOCAB = Path.of("vocab.txt");

    @TempDir
    Path directory;

    private Path model;

    @BeforeEach
    void model() throws IOException {
        model = Files.createDirectories(directory.resolve("model"));
    }

    private Path link(String target) throws IOException {
        Path file = directory.resolve(target);
        Files.createDirectories(file.getParent());
        Files.writeString(file, "secret");
        Files.createSymbolicLink(model.resolve(VOCAB), file);
        return file;
    }

    @Test
    void anotherFileOfTheMachineIsNoneOfTheModels() throws IOException {
        Path secret = link("home/id_rsa");
        CheckpointException fault = assertThrows(CheckpointException.class, () -> Links.requireOwn(model, VOCAB));
        assertTrue(fault.getMessage().contains(secret.toRealPath().toString()), fault.getMessage());
        assertThrows(CheckpointException.class, () -> Tokenizer.filesIn(model));
    }

    @Test
    void aFileOfTheSameNameIs() throws IOException {
        link("other/vocab.txt");
        assertEquals(model.resolve(VOCAB), Links.requireOwn(model, VOCAB));
    }

    @Test
    void soAreTheBlobsOfACache() throws IOException {
        link("hub/models--org--name/blobs/0123abcd");
        assertEquals(model.resolve(VOCAB), Links.requireOwn(model, VOCAB));
    }

    @Test
    void soIsWhatLiesInTheDirectory() throws IOException {
        link("model/files/words");
        assertEquals(model.resolve(VOCAB), Links.requireOwn(model, VOCAB));
    }

    @Test
    void aPlainFileIsItself() throws IOException {
        Files.writeString(model.resolve(VOCAB), "a");
        assertEquals(model.resolve(VOCAB), Links.requireOwn(model, VOCAB));
    }
}
