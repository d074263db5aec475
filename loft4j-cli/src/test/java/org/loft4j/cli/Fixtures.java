package org.loft4j.cli;

import java.nio.file.Path;

/** The golden numbers of the library's tests. */
final class Fixtures {
    private static final Path ROOT = Path.of("..", "loft4j", "src", "test", "resources", "fixtures");

    private Fixtures() {}

    static Path of(String name) {
        return ROOT.resolve(name);
    }
}
