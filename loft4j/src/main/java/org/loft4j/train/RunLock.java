package org.loft4j.train;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.FileFault;
import org.loft4j.io.ProcessLock;

/** Holds a directory for one run. */
public final class RunLock implements AutoCloseable {
    private static final String FILE = ".lock";

    private final ProcessLock lock;

    private RunLock(ProcessLock lock) {
        this.lock = lock;
    }

    /** @throws ConfigException if another run holds the directory, or it cannot be written to */
    public static RunLock acquire(Path directory) throws IOException {
        RunLock lock = tryAcquire(directory);
        if (lock == null) {
            throw new ConfigException("output_dir " + directory
                    + " is in use by another run: wait for it to end, or choose another directory");
        }
        return lock;
    }

    /**
     * Refuses a directory that another run holds, as far as a lock is there to tell it: none is made.
     *
     * @throws ConfigException if another run holds the directory, or its lock cannot be written to
     */
    static void requireFree(Path directory) throws IOException {
        if (Files.exists(directory.resolve(FILE))) {
            acquire(directory).close();
        }
    }

    /** The lock on a directory, which is made where it is missing; null if someone else holds it. */
    public static @Nullable RunLock tryAcquire(Path directory) throws IOException {
        return tryAcquire(directory, FILE);
    }

    /**
     * The same of another lock on the directory, beside which a run may go on there.
     *
     * @param file name of the lock's file
     */
    public static @Nullable RunLock tryAcquire(Path directory, String file) throws IOException {
        try {
            Files.createDirectories(directory);
            // a directory that is a link has one lock by either name
            ProcessLock lock = ProcessLock.tryAcquire(
                    directory.toRealPath().resolve(file),
                    "nothing keeps another process from writing there at the same time");
            return lock == null ? null : new RunLock(lock);
        } catch (FileAlreadyExistsException e) {
            throw new ConfigException(isFile(directory, Path.of(e.getFile())), e);
        } catch (FileSystemException e) {
            throw new ConfigException(notWritable(directory, FileFault.named(e)), e);
        }
    }

    static String isFile(Path directory, Path file) {
        return "output_dir " + directory + " cannot be made: " + file + " is a file: choose another directory";
    }

    static String notWritable(Path directory, String why) {
        return "output_dir " + directory + " cannot be written to (" + why
                + "): choose another directory, or make this one writable";
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }
}
