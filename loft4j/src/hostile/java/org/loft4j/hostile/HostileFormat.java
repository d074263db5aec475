package org.loft4j.hostile;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A format of files that strangers write. A test class that implements this is held to the rule for all of them: a damaged file
 * is read, or refused by an exception of this project that names it; in two seconds, within 256 MiB, and the JVM lives.
 *
 * <p>{@code -Dtests.hostile.files=20000} sets how many files are made, {@code -Dtests.seed=…} makes the same ones again.
 */
public interface HostileFormat {
    /** Writes sound files into an empty folder, and says which of them are to be damaged, one at a time. */
    List<Path> lay(Path folder) throws Exception;

    /** Reads what lies in the folder, the damaged file among it, as the product does. */
    void read(Path folder, Path damaged) throws Exception;

    /** What the format is written with, for damage that still looks like it. */
    default List<String> words() {
        return List.of();
    }

    /** Damages a file. */
    default byte[] damage(Path file, byte[] good, Mutations mutations) {
        return mutations.of(good);
    }

    @Test
    default void damagedFilesAreReadOrRefused(@TempDir Path folder) throws Exception {
        HostileRun.of(this, folder, Integer.getInteger("tests.hostile.files", 300)).requireNoFault();
    }

    @Test
    @Tag("slow")
    default void soAreTwentyThousandInAProcessOfTheirOwn(@TempDir Path folder) throws Exception {
        HostileProcess.prove(getClass(), folder, Integer.getInteger("tests.hostile.files", 20_000));
    }
}
