package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PeftMetadataTest {
    @TempDir
    Path cache;

    @Test
    void aSnapshotFromTheHubIsNamedAndADirectoryIsAPath() throws IOException {
        Path repository = cache.resolve("models--org--name");
        Path snapshot = Files.createDirectories(repository.resolve("snapshots/abcdef"));
        assertEquals(new PeftMetadata("org/name", "abcdef"), PeftMetadata.of(snapshot));
        assertEquals("org/name@abcdef", PeftMetadata.of(snapshot).baseModel());
        Files.createDirectories(repository.resolve("refs"));
        Files.writeString(repository.resolve("refs/main"), "abcdef");
        assertEquals(new PeftMetadata("org/name"), PeftMetadata.of(snapshot));
        assertEquals("org/name", PeftMetadata.of(snapshot).baseModel());
        assertEquals(new PeftMetadata(cache.toString()), PeftMetadata.of(cache));
        assertEquals("", PeftMetadata.of(null).baseModel());
    }

    @Test
    void aRevisionBelongsToANameAndNotToADirectory() {
        assertEquals("org/name@abcdef", new PeftMetadata("org/name", "abcdef").reference());
        assertEquals("org/name", new PeftMetadata("org/name").reference());
        assertEquals(cache.toString(), new PeftMetadata(cache.toString(), "main").reference());
    }
}
