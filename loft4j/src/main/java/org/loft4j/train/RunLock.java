package org.loft4j.train;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.FileFault;

/** Holds a directory for one process. The system lets go of it when the process ends, however it ends. */
public final class RunLock implements AutoCloseable {
    private final FileChannel channel;

    private RunLock(FileChannel channel) {
        this.channel = channel;
    }

    /** @throws ConfigException if another run holds the directory, or it cannot be written to */
    static RunLock acquire(Path directory) throws IOException {
        RunLock lock = tryAcquire(directory);
        if (lock == null) {
            throw new ConfigException("output_dir " + directory
                    + " is in use by another run: wait for it to end, or choose another directory");
        }
        return lock;
    }

    /** The lock on a directory, which is made where it is missing; null if someone else holds it. */
    public static @Nullable RunLock tryAcquire(Path directory) throws IOException {
        FileChannel channel = open(directory);
        if (tryLock(channel) == null) {
            channel.close();
            return null;
        }
        return new RunLock(channel);
    }

    private static FileChannel open(Path directory) throws IOException {
        try {
            Files.createDirectories(directory);
            return FileChannel.open(directory.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        } catch (FileAlreadyExistsException e) {
            throw new ConfigException(
                    "output_dir " + directory + " cannot be made: " + e.getFile()
                            + " is a file: choose another directory",
                    e);
        } catch (FileSystemException e) {
            throw new ConfigException(
                    "output_dir " + directory + " cannot be written to (" + e.getFile() + ": " + FileFault.of(e)
                            + "): choose another directory, or make this one writable",
                    e);
        }
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
