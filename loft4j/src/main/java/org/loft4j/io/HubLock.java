package org.loft4j.io;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.loft4j.FileFault;

/** Lets one download at a time write a blob. The system lets go of it when the process ends, however it ends. */
final class HubLock implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(HubLock.class.getName());
    /** What this process holds where the file system has no locks. */
    private static final Set<Path> HELD_ALONE = ConcurrentHashMap.newKeySet();

    private static final Duration POLL = Duration.ofMillis(100);

    private final FileChannel channel;
    private final Path place;

    private HubLock(FileChannel channel, Path place) {
        this.channel = channel;
        this.place = place;
    }

    /** Waits until the lock is free. {@code waiting} is run once if it is not free at once. */
    static HubLock acquire(Path file, Runnable waiting) throws IOException {
        return acquire(file, waiting, FileChannel::tryLock);
    }

    /** How a file is locked; a file system may have no locks, which is a fault of its own kind. */
    interface Locking {
        @Nullable
        FileLock tryLock(FileChannel channel) throws IOException;
    }

    static HubLock acquire(Path file, Runnable waiting, Locking locking) throws IOException {
        Path place = file.toAbsolutePath().normalize();
        Files.createDirectories(Objects.requireNonNull(place.getParent()));
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        boolean locked = false;
        try {
            for (boolean first = true; !isLocked(channel, place, locking); first = false) {
                if (first) {
                    waiting.run();
                }
                HubRetries.sleep(POLL);
            }
            locked = true;
            return new HubLock(channel, place);
        } finally {
            if (!locked) {
                channel.close();
            }
        }
    }

    /** Locks the file. Where there are no locks, other threads are kept out and other processes are not, and a warning tells. */
    private static boolean isLocked(FileChannel channel, Path place, Locking locking) {
        try {
            return locking.tryLock(channel) != null;
        } catch (OverlappingFileLockException e) {
            return false; // another thread of this process
        } catch (IOException e) {
            boolean free = HELD_ALONE.add(place);
            if (free) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "{0} cannot be locked ({1}): download a model by one process at a time",
                        place,
                        FileFault.of(e));
            }
            return free;
        }
    }

    @Override
    public void close() throws IOException {
        HELD_ALONE.remove(place);
        channel.close();
    }
}
