package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Whether a file that a call names can be made, found out before there is anything to write into it. */
final class NewFile {
    private NewFile() {}

    /**
     * What speaks against it; null for nothing.
     *
     * @param example of a name in a folder, should one be named
     * @param existing what to do where it is there already; null if it may be replaced
     */
    static @Nullable String fault(Path chosen, String example, @Nullable String existing) {
        if (Files.isDirectory(chosen)) {
            return "is a folder: name a file, such as " + chosen.resolve(example);
        }
        if (Files.exists(chosen, LinkOption.NOFOLLOW_LINKS)) {
            if (!Files.isRegularFile(chosen, LinkOption.NOFOLLOW_LINKS)) {
                return "is no file, but a link or a device: name a file";
            }
            if (existing != null) {
                return existing;
            }
        }
        Path above = above(chosen);
        return !Files.isDirectory(above)
                ? "cannot be made: " + above + " is no folder"
                : !Files.isWritable(above) ? "cannot be made: the folder " + above + " is not writable" : null;
    }

    /** Whether it is, or would be made, in a directory or below it; links on the way are followed. */
    static boolean liesIn(Path file, @Nullable Path directory) throws IOException {
        return directory != null && above(file).toRealPath().startsWith(directory.toRealPath());
    }

    /** The nearest of what exists above a file. */
    static Path above(Path file) {
        Path above = file.toAbsolutePath().normalize().getParent();
        while (above != null && above.getParent() != null && !Files.exists(above)) {
            above = above.getParent();
        }
        return above == null ? file.toAbsolutePath() : above;
    }
}
