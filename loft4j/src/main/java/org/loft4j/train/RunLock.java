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
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.FileFault;

/** Holds a directory for one process. The system lets go of it when the process ends, however it ends. */
public final class RunLock implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(RunLock.class.getName());

    /**
     * The directories that this process holds. They must be known before the file is opened: POSIX lets go of all locks of a process
     * on a file as soon as it closes the file by whichever channel, that of a call which was refused too.
     */
    private static final Set<Path> HELD = new HashSet<>();

    private final FileChannel channel;
    private final Path place;

    private RunLock(FileChannel channel, Path place) {
        this.channel = channel;
        this.place = place;
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
        return tryAcquire(directory, FileChannel::tryLock);
    }

    /** How a file is locked; a file system may have no locks, which is a fault of its own kind. */
    interface Locking {
        @Nullable
        FileLock tryLock(FileChannel channel) throws IOException;
    }

    static @Nullable RunLock tryAcquire(Path directory, Locking locking) throws IOException {
        try {
            Files.createDirectories(directory);
            Path place = directory.toRealPath();
            synchronized (HELD) {
                if (HELD.contains(place)) {
                    return null;
                }
                FileChannel channel =
                        FileChannel.open(place.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                if (!isLocked(channel, place, locking)) {
                    return null;
                }
                HELD.add(place);
                return new RunLock(channel, place);
            }
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

    /** Locks the file, or closes the channel. Where there are no locks, other processes are not kept out, and a warning tells. */
    private static boolean isLocked(FileChannel channel, Path place, Locking locking) throws IOException {
        boolean locked = false;
        try {
            locked = locking.tryLock(channel) != null;
        } catch (OverlappingFileLockException e) {
            // this process holds the directory by another name, which only a mount can give it
        } catch (IOException e) {
            // network file systems without a service of locks
            LOG.log(
                    System.Logger.Level.WARNING,
                    "{0} cannot be locked ({1}): nothing keeps another process from writing there at the same time",
                    place,
                    FileFault.of(e));
            locked = true;
        } finally {
            if (!locked) {
                channel.close();
            }
        }
        return locked;
    }

    @Override
    public void close() throws IOException {
        synchronized (HELD) {
            if (channel.isOpen()) {
                HELD.remove(place);
                channel.close();
            }
        }
    }
}
