package org.loft4j.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.loft4j.FileFault;
import org.loft4j.tensor.Uninterrupted;

/**
 * Writes a file as a whole or not at all: into a temporary file beside it, forced to the disk, then renamed over the old one.
 * A reader, or a machine that loses power, sees the old content or the new one. A failure leaves the old file and nothing else. An
 * interrupt is none: the thread stays interrupted, and the file is written. What a process that was killed has left is removed by the
 * next who writes that file.
 */
public final class AtomicFiles {
    private static final System.Logger LOG = System.getLogger(AtomicFiles.class.getName());
    private static final boolean WINDOWS = System.getProperty("os.name", "").startsWith("Windows");

    /** A writer has locked its temporary file by then. */
    private static final Duration TO_LOCK = Duration.ofSeconds(10);

    /** The temporary files of this process. */
    private static final Set<Path> UNFINISHED = ConcurrentHashMap.newKeySet();

    private AtomicFiles() {}

    /** Writes the content of a file. */
    @FunctionalInterface
    public interface Content {
        /** Writes everything into the channel, which is at position 0 and stays open; asked once more if an interrupt has closed it. */
        void writeTo(FileChannel channel) throws IOException;
    }

    /** Replaces the file's content; directories above it are made where they are missing. */
    public static void write(Path file, byte[] content) throws IOException {
        write(file, channel -> writeFully(channel, ByteBuffer.wrap(content)));
    }

    /** Replaces the file's content by what the callback writes. */
    public static void write(Path file, Content content) throws IOException {
        Path target = file.toAbsolutePath();
        Path directory = target.getParent();
        if (directory == null) {
            throw new IOException(file + ": is not a file");
        }
        Files.createDirectories(directory);
        Uninterrupted.withFile(() -> replace(target, directory, content));
        forceDirectory(directory);
    }

    private static Path replace(Path target, Path directory, Content content) throws IOException {
        Path temporary = directory.resolve("." + target.getFileName() + "."
                + Long.toHexString(ThreadLocalRandom.current().nextLong()) + ".tmp");
        boolean renamed = false;
        UNFINISHED.add(temporary);
        try {
            try (FileChannel channel =
                    FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                tryLock(channel);
                removeLeftOf(target, directory, Files.getLastModifiedTime(temporary));
                content.writeTo(channel);
                channel.force(true);
            } catch (IOException e) {
                throw named(target, e);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            renamed = true;
        } finally {
            UNFINISHED.remove(temporary);
            if (!renamed) {
                Files.deleteIfExists(temporary);
            }
        }
        return target;
    }

    /**
     * Deletes what is being written, for a process that is about to end and has no use for it: it would lie there unseen. Who writes fails
     * then.
     */
    public static void deleteUnfinished() {
        for (Path temporary : UNFINISHED) {
            try {
                Files.deleteIfExists(temporary);
            } catch (IOException e) {
                // left as by a process that is killed
            }
        }
    }

    /** Removes temporary files of processes that were killed; what cannot be looked at stays, and is no fault. */
    private static void removeLeftOf(Path target, Path directory, FileTime now) {
        Pattern name = Pattern.compile(Pattern.quote("." + target.getFileName() + ".") + "[0-9a-f]{1,16}\\.tmp");
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(
                directory, entry -> name.matcher(entry.getFileName().toString()).matches())) {
            for (Path entry : entries) {
                if (!UNFINISHED.contains(entry) && isAbandoned(entry, now)) {
                    Files.deleteIfExists(entry);
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            LOG.log(System.Logger.Level.DEBUG, "{0} cannot be looked through: {1}", directory, e);
        }
    }

    private static boolean isAbandoned(Path temporary, FileTime now) throws IOException {
        if (!Files.isRegularFile(temporary, LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        Instant written = Files.getLastModifiedTime(temporary).toInstant();
        if (written.plus(TO_LOCK).isAfter(now.toInstant())) {
            return false;
        }
        try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
            return tryLock(channel);
        }
    }

    /** Locks the file until the channel is closed, or the process has ended; false where another has it, or there are no locks. */
    private static boolean tryLock(FileChannel channel) {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException | IOException e) {
            return false;
        }
    }

    /** A full disk says of which file it is the fault: a channel does not. Others name theirs. */
    private static IOException named(Path target, IOException fault) {
        if (fault.getClass() != IOException.class) {
            return fault;
        }
        FileSystemException named = new FileSystemException(target.toString(), null, fault.getMessage());
        named.initCause(fault);
        return named;
    }

    /** Writes all that remains in the buffer: one call of the channel may write less. */
    public static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    /**
     * Forces a directory's list of names to the disk, as far as its file system can: a rename lasts only from then on. Windows
     * has no such call, shared folders of virtual machines refuse it, and so do directories that cannot be read; what was
     * written stays written.
     */
    public static void forceDirectory(Path directory) {
        if (!WINDOWS) {
            try {
                Uninterrupted.withFile(() -> {
                    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                        channel.force(true);
                        return directory;
                    }
                });
            } catch (IOException e) {
                LOG.log(System.Logger.Level.DEBUG, "{0} cannot be forced to the disk: {1}", directory, FileFault.of(e));
            }
        }
    }
}
