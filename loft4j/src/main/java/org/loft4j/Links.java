package org.loft4j;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** Links among the files of a model that are passed on with what is made of it. */
public final class Links {
    /** Of a cache that has files by their checksums: the hub's, DVC's, git-annex'. */
    private static final Pattern CHECKSUM = Pattern.compile("([A-Z0-9_]+-s\\d+--)?[0-9a-f]{30,128}(\\.\\w+)*");

    private Links() {}

    /**
     * Refuses a file of a directory that is a link to one of another name elsewhere: with a stranger's model some file of this machine
     * would go into results, which are published. Links that stay in the directory, to a file of the same name, and into a cache
     * are as good as files.
     *
     * @param file that is there, by its path in the directory
     * @return the whole path
     */
    public static Path requireOwn(Path directory, Path file) throws IOException {
        Path whole = directory.resolve(file);
        Path real = whole.toRealPath();
        if (!real.endsWith(file.getFileName()) && !isCached(directory, real) && !isIn(directory, real)) {
            throw new CheckpointException(
                    whole,
                    "is a link to " + real
                            + ", which has another name and lies outside of the directory. It would be copied into"
                            + " what is made of this model: put the file itself here if it is meant");
        }
        return whole;
    }

    private static boolean isIn(Path directory, Path real) throws IOException {
        return real.startsWith(directory.toRealPath());
    }

    /** A snapshot of the hub's cache has its files in a folder beside the one of the snapshots. */
    private static boolean isCached(Path directory, Path real) throws IOException {
        Path blobs = directory.toRealPath().resolve("../../blobs");
        return CHECKSUM.matcher(String.valueOf(real.getFileName())).matches()
                || Files.isDirectory(blobs) && isIn(blobs, real);
    }
}
