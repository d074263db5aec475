package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** The golden numbers of the library's tests. */
final class Fixtures {
    private static final Path ROOT = Path.of("..", "loft4j", "src", "test", "resources", "fixtures");

    private Fixtures() {}

    static Path of(String name) {
        return ROOT.resolve(name);
    }

    /** Copies the files of one into a new directory, to be changed. */
    static Path copy(String name, Path directory) throws IOException {
        Files.createDirectory(directory);
        try (Stream<Path> files = Files.list(of(name))) {
            for (Path file : files.toList()) {
                Files.copy(file, directory.resolve(file.getFileName().toString()));
            }
        }
        return directory;
    }
}
