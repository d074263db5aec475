package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class ParsedFileTest {
    @TempDir
    Path directory;

    /** It has no size by which it could be found too large, and no end. */
    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void aDeviceIsNotRead() throws IOException {
        Path file = directory.resolve("config.yaml");
        Files.createSymbolicLink(file, Path.of("/dev/zero"));
        ParsedFile parsed = new ParsedFile(file, path -> {
            throw new IllegalStateException("was read");
        });
        assertNull(parsed.tree());
        Files.delete(file);
        Files.writeString(file, "a");
        assertEquals(new TextNode("a"), new ParsedFile(file, path -> new TextNode(Files.readString(path))).tree());
    }
}
