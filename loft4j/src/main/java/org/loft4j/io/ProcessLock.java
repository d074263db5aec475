package org.loft4j.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.FileFault;

/** Holds a file for one user, in this process and among all others. The system lets go of it when the process ends, however it ends. */
public final class ProcessLock implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(ProcessLock.class.getName());

    /**
     * The files that this process holds. They must be known before one is opened: POSIX lets go of all locks of a process on a file as
     * soon as it closes the file by whichever channel, that of a call which was refused too.
     */
    private static final Set<Path> HELD = new HashSet<>();

    private final FileChannel channel;
    private final Path place;

    private ProcessLock(FileChannel channel, Path place) {
        this.channel = channel;
        this.place = place;
    }

    /** How a file is locked; a file system may have no locks, which is a fault of its own kind. */
    interface Locking {
        @Nullable
        FileLock tryLock(FileChannel channel) throws IOException;
    }

    /**
     * The lock on a file, which is made where it is missing, as its directory is; null if someone else holds it. Where the file system
     * has no locks, other processes are not kept out, and a warning tells.
     *
     * @param then what the warning says of that
     */
    public static @Nullable ProcessLock tryAcquire(Path file, String then) throws IOException {
        return tryAcquire(file, then, FileChannel::tryLock);
    }

    static @Nullable ProcessLock tryAcquire(Path file, String then, Locking locking) throws IOException {
        Path directory = Objects.requireNonNull(file.toAbsolutePath().getParent());
        Files.createDirectories(directory);
        Path place = directory.toRealPath().resolve(file.getFileName());
        synchronized (HELD) {
            if (HELD.contains(place)) {
                return null;
            }
            FileChannel channel = FileChannel.open(place, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (!isLocked(channel, place, then, locking)) {
                return null;
            }
            HELD.add(place);
            return new ProcessLock(channel, place);
        }
    }

    /** Locks the file, or closes the channel. */
    private static boolean isLocked(FileChannel channel, Path place, String then, Locking locking) throws IOException {
        boolean locked = false;
        try {
            locked = locking.tryLock(channel) != null;
        } catch (OverlappingFileLockException e) {
            // this process holds the file by another name, which only a mount can give it
        } catch (IOException e) {
            // network file systems without a service of locks
            LOG.log(System.Logger.Level.WARNING, "{0} cannot be locked ({1}): {2}", place, FileFault.of(e), then);
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
