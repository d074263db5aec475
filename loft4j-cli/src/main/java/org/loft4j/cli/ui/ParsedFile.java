package org.loft4j.cli.ui;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import org.jspecify.annotations.Nullable;

/** What a file holds, read again only when it has changed: looks come every moment, and the state of a long run is large. */
final class ParsedFile {
    /** Makes of a file what is wanted of it. */
    @FunctionalInterface
    interface Parser {
        JsonNode parse(Path file) throws IOException;
    }

    /** By which a change shows; a file that takes another's place has a key of its own where the system knows such. */
    private record Mark(@Nullable Object key, FileTime time, long size) {}

    private final Path file;
    private final Parser parser;
    private @Nullable Mark mark;
    private @Nullable JsonNode tree;

    ParsedFile(Path file, Parser parser) {
        this.file = file;
        this.parser = parser;
    }

    /** Null where there is no such file, or it cannot be parsed. */
    @Nullable
    JsonNode tree() {
        try {
            BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
            Mark found = new Mark(now.fileKey(), now.lastModifiedTime(), now.size());
            if (!now.isRegularFile()) {
                tree = null;
                mark = null;
            } else if (!found.equals(mark)) {
                tree = parser.parse(file);
                mark = found;
            }
        } catch (IOException e) {
            tree = null;
            mark = null;
        }
        return tree;
    }
}
