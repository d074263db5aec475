package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;

class ModelReferenceTest {
    @TempDir
    Path directory;

    @Test
    void aDirectoryThatExistsIsMeantFirst() throws IOException {
        Path here = Files.createDirectories(directory.resolve("org/name"));
        ModelReference reference = new ModelReference(here.toString());
        assertNull(reference.fault());
        assertEquals(here, reference.resolve(offline()));
        // the same by a relative path, which has the shape of a name
        assertEquals(Path.of("src/main"), new ModelReference("src/main").resolve(offline()));
    }

    @Test
    void aNameOfTheCacheIsItsSnapshot() throws IOException {
        Path snapshot = Files.createDirectories(directory.resolve("models--org--name/snapshots/abcdef"));
        Files.createDirectories(directory.resolve("models--org--name/refs"));
        Files.writeString(directory.resolve("models--org--name/refs/main"), "abcdef");
        for (String file : new String[] {"config.json", "tokenizer.json", "model.safetensors"}) {
            Files.writeString(snapshot.resolve(file), "{}");
        }
        assertEquals(snapshot, new ModelReference("org/name").resolve(offline()));
        assertEquals(snapshot, new ModelReference("org/name@abcdef").resolveCached(offline()));
        assertNull(new ModelReference("org/name@v2").resolveCached(offline()));
        assertThrows(HubException.class, () -> new ModelReference("org/name@v2").resolve(offline()));
    }

    @Test
    void whatIsNeitherSaysBoth() {
        for (String text : new String[] {"", "nowhere", "./org/name", "a/b/c", "org/name@"}) {
            assertNotNull(new ModelReference(text).fault(), text);
        }
        assertEquals(
                "a/b/c is not a directory, and not the name of a model on the hub, such as HuggingFaceTB/SmolLM2-135M",
                new ModelReference("a/b/c").fault());
        assertTrue(
                new ModelReference("a\u001b[2J\u009bb").fault().startsWith("a?[2J?b is not"), "an adapter may name it");
        assertThrows(ConfigException.class, () -> new ModelReference("./org/name").resolve(offline()));
    }

    @Test
    void aNameWithoutAnOwnerIsOneWhereTheModelHasBeenDownloaded() throws IOException {
        HubCache cache = new HubCache(directory);
        ModelReference reference = new ModelReference("gpt2");
        String fault = String.valueOf(reference.fault(cache::holds));
        assertTrue(fault.startsWith("gpt2 is not a directory, and a model on the hub is named with its owner"), fault);
        assertTrue(fault.contains("openai-community/gpt2"), fault);
        Files.createDirectories(directory.resolve("models--gpt2"));
        assertNull(reference.fault(cache::holds));
        assertNotNull(reference.fault());
    }

    @Test
    void aDirectoryWithATypoIsSaidBeforeTheConnection() {
        HubEnvironment nowhere =
                new HubEnvironment(Path.of("target/no-cache"), URI.create("http://127.0.0.1:1"), null, false);
        Hub hub = new Hub(nowhere, HubRetries.DEFAULT, HubListener.NONE);
        String message = assertThrows(HubException.class, () -> new ModelReference("models/Typo").resolve(hub))
                .getMessage();
        assertTrue(message.startsWith("there is no directory models/Typo here; models/Typo: cannot get "), message);
        assertFalse(message.contains("?"), message);
    }

    private Hub offline() {
        HubEnvironment environment = new HubEnvironment(directory, URI.create("http://127.0.0.1:9"), null, true);
        return new Hub(
                environment, new HubRetries(1, Duration.ZERO, Duration.ZERO, Duration.ofSeconds(1)), HubListener.NONE);
    }
}
