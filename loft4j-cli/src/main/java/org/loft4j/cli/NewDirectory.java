package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;

/** Makes a directory as a whole or not at all: beside the place where it is to be, then renamed. */
final class NewDirectory {
    private NewDirectory() {}

    /** Fills a directory. */
    interface Content {
        void writeTo(Path directory) throws IOException;
    }

    /** Writes the directory; one that was there before is replaced, and stays as it was if writing fails. */
    static void write(Path directory, Content content) throws IOException {
        Path target = directory.toAbsolutePath();
        Path parent = target.getParent();
        if (parent == null) {
            throw new IOException(directory + ": is not a directory that can be made");
        }
        Files.createDirectories(parent);
        String mark = Long.toHexString(ThreadLocalRandom.current().nextLong());
        Path fresh = parent.resolve("." + target.getFileName() + "." + mark + ".tmp");
        Path old = parent.resolve("." + target.getFileName() + "." + mark + ".old");
        try {
            Files.createDirectory(fresh);
            content.writeTo(fresh);
            if (Files.exists(target)) {
                Files.move(target, old);
            }
            Files.move(fresh, target);
        } finally {
            if (Files.exists(old) && !Files.exists(target)) {
                Files.move(old, target);
            }
            delete(fresh);
            delete(old);
        }
    }

    /** With all that is in it; nothing if it is not there. */
    static void delete(Path directory) throws IOException {
        if (Files.isDirectory(directory)) {
            List<Path> all;
            try (Stream<Path> files = Files.walk(directory)) {
                all = files.sorted(Comparator.reverseOrder()).toList();
            }
            for (Path file : all) {
                Files.delete(file);
            }
        }
    }
}
