package org.loft4j;

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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.data.ChatTemplate;
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

    /** Where a template is asked for, nothing is copied; where it is passed on, something is. */
    @Test
    void aTemplateIsReadThroughALinkAndNotPassedOn() throws IOException {
        Path file = Files.writeString(directory.resolve("chatml.txt"), "a");
        Files.createSymbolicLink(model.resolve("chat_template.jinja"), file);
        assertThrows(CheckpointException.class, () -> ChatTemplate.source(model));
        assertEquals("a", ChatTemplate.open(model).source());
    }

    @Test
    void aFileOfTheSameNameIs() throws IOException {
        link("other/vocab.txt");
        assertEquals(model.resolve(VOCAB), Links.requireOwn(model, VOCAB));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hub/blobs/0123456789abcdef0123456789abcdef01234567",
                ".dvc/cache/files/md5/ab/0123456789abcdef0123456789abcd",
                ".git/annex/objects/x/SHA256E-s12--0123456789abcdef0123456789abcdef0123456789abcdef.txt"
            })
    void soAreFilesByTheirChecksum(String cached) throws IOException {
        link(cached);
        assertEquals(model.resolve(VOCAB), Links.requireOwn(model, VOCAB));
    }

    /** By whatever name a server has given its files, and wherever the cache's folder leads. */
    @Test
    void soAreTheBlobsBesideASnapshot() throws IOException {
        Path disk = Files.createDirectories(directory.resolve("disk/snapshots/main"));
        Path blob = Files.createDirectories(directory.resolve("disk/blobs")).resolve("tag");
        Files.writeString(blob, "a");
        Files.createSymbolicLink(disk.resolve(VOCAB), Path.of("../../blobs/tag"));
        Path hub = Files.createSymbolicLink(directory.resolve("models--org--name"), directory.resolve("disk"));
        Path snapshot = hub.resolve("snapshots/main");
        assertEquals(snapshot.resolve(VOCAB), Links.requireOwn(snapshot, VOCAB));
        assertThrows(CheckpointException.class, () -> {
            Files.createSymbolicLink(model.resolve(VOCAB), blob);
            Links.requireOwn(model, VOCAB);
        });
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
