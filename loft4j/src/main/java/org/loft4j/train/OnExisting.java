package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;

/** What to do with an output directory that holds a run already. */
public enum OnExisting {
    /** Do not touch it. */
    REFUSE,
    /** Go on from its newest whole checkpoint; start anew where there is none. */
    RESUME,
    /** Remove it when the new run begins, and start anew. */
    OVERWRITE;

    /** Whether an output directory holds a run: a checkpoint, or the state of one that has ended. It need not exist. */
    public static boolean holdsRun(Path directory) throws IOException {
        return RunOutput.holdsRun(directory);
    }

    /**
     * Refuses an output directory that a training would refuse once it has its model and its data. Nothing is made there, so that
     * it can be asked before these are read.
     *
     * @param more names of files that the caller writes there itself
     * @throws ConfigException if it is a file or lies below one, may not be written to, is in use by another run, or holds a run that
     *     is not to be touched, or files of others that a run would write over
     */
    public void require(Path directory, Method method, Set<String> more) throws IOException {
        Path above = directory.toAbsolutePath();
        while (!Files.exists(above) && above.getParent() != null) {
            above = above.getParent();
        }
        if (!Files.isDirectory(above)) {
            throw new ConfigException(RunLock.isFile(directory, above));
        }
        if (!Files.isWritable(above)) {
            throw new ConfigException(RunLock.notWritable(directory, above + ": no permission"));
        }
        // whoever has to wait for a run is not to be told how to remove it
        RunLock.requireFree(directory);
        requireNoRun(directory);
        requireNoOthers(directory, method, more);
    }

    /**
     * Refuses to lose a file that a run reads, where its output directory is overwritten.
     *
     * @param what it is, for the error
     * @throws ConfigException if it lies where the run writes, or removes what was there
     */
    public void requireKept(Path directory, Path file, String what) throws IOException {
        if (this == OVERWRITE) {
            RunOutput.requireKept(directory, file, what);
        }
    }

    void requireNoOthers(Path directory, Method method, Set<String> more) throws IOException {
        List<Path> others = this == OVERWRITE ? List.of() : RunOutput.others(directory, method, more, this == RESUME);
        if (!others.isEmpty()) {
            throw new ConfigException(holdsOthers(directory, others));
        }
    }

    static String holdsOthers(Path directory, List<Path> files) {
        return "output_dir " + directory + " holds no run, but "
                + files.stream()
                        .map(file ->
                                directory.relativize(directory.resolve(file)).toString())
                        .collect(Collectors.joining(", "))
                + ", which one would write over: choose another directory, or let them be overwritten (--overwrite)";
    }

    void requireNoRun(Path directory) throws IOException {
        if (this == REFUSE && holdsRun(directory)) {
            throw new ConfigException("output_dir " + directory
                    + " holds a run already: resume it (--resume), let it be overwritten (--overwrite), or choose another"
                    + " directory");
        }
    }
}
