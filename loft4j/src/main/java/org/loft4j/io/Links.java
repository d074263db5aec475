package org.loft4j.io;

import java.io.IOException;
import java.nio.file.Path;
import org.loft4j.CheckpointException;

/** Links among the files of a model that are passed on with what is made of it. */
public final class Links {
    private Links() {}

    /**
     * Refuses a file of a directory that is a link to one of another name elsewhere: with a stranger's model some file of this machine
     * would go into results, which are published. Links that stay in the directory, to a file of the same name, or to the blobs
     * of a hub's cache are as good as files.
     *
     * @param file that is there, by its path in the directory
     * @return the whole path
     */
    public static Path requireOwn(Path directory, Path file) throws IOException {
        Path whole = directory.resolve(file);
        Path real = whole.toRealPath();
        boolean own = real.endsWith(file.getFileName()) || isBlob(real) || real.startsWith(directory.toRealPath());
        if (!own) {
            throw new CheckpointException(
                    whole,
                    "is a link to " + real
                            + ", which has another name and lies outside of the directory. It would be copied into"
                            + " what is made of this model: put the file itself here if it is meant");
        }
        return whole;
    }

    private static boolean isBlob(Path real) {
        Path blobs = real.getParent();
        return blobs != null
                && blobs.endsWith("blobs")
                && blobs.getParent() != null
                && String.valueOf(blobs.getParent().getFileName()).startsWith("models--");
    }
}
