package org.loft4j.train;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.FileFault;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.tensor.Uninterrupted;

/**
 * The checkpoints of a run: directories {@code checkpoint-N}, N the step. One is written beside its place and renamed when
 * it is whole; its last file lists all others with length and CRC-32C, so that a torn one is known and passed over.
 */
final class Checkpoints {
    static final String MANIFEST = "manifest.json";

    private static final System.Logger LOG = System.getLogger(Checkpoints.class.getName());
    private static final Pattern NAME = Pattern.compile("checkpoint-([0-9]{1,18})");

    /** A path of one step or two, which leads nowhere else. */
    private static final Pattern FILE_NAME =
            Pattern.compile("[^./\\\\:\\p{Cc}][^/\\\\:\\p{Cc}]*(/(?!\\.{1,2}$)[^/\\\\:\\p{Cc}]+)?");

    private static final Pattern LEFTOVER = Pattern.compile("\\.checkpoint-[0-9]{1,18}\\.(tmp|old)");
    private static final Pattern SET_ASIDE = Pattern.compile("checkpoint-[0-9]{1,18}\\.set-aside-[0-9]{1,9}");

    private final Path directory;

    Checkpoints(Path directory) {
        this.directory = directory;
    }

    /** Writes the files of a checkpoint into a directory, and forces each to the disk, as {@link AtomicFiles} does. */
    @FunctionalInterface
    interface Content {
        void writeTo(Path directory) throws IOException;
    }

    Path path(long step) {
        return directory.resolve("checkpoint-" + step);
    }

    /**
     * Writes a checkpoint; it appears under its name only when all of it is on the disk, and is then read back and compared. A
     * failure leaves all others as they are, and nothing of this one.
     */
    Path write(long step, Content content) throws IOException {
        Path side = directory.resolve(".checkpoint-" + step + ".tmp");
        Path place = path(step);
        boolean renamed = false;
        try {
            delete(side);
            Files.createDirectories(side);
            content.writeTo(side);
            TreeMap<String, Object> files = new TreeMap<>();
            for (Path file : files(side)) {
                String name = side.relativize(file).toString().replace(File.separatorChar, '/');
                files.put(name, List.of(Files.size(file), Uninterrupted.withFile(() -> checksum(file))));
            }
            Json.write(side.resolve(MANIFEST), Map.of("files", files));
            setAside(step);
            Files.move(side, place, StandardCopyOption.ATOMIC_MOVE);
            renamed = true;
        } finally {
            if (!renamed) {
                deleteIfPossible(side);
            }
        }
        AtomicFiles.forceDirectory(directory);
        verify(place);
        return place;
    }

    /** The steps of all checkpoint directories, whole or not, in ascending order. */
    List<Long> steps() throws IOException {
        List<Long> steps = new ArrayList<>();
        for (Path path : list(directory)) {
            Matcher name = NAME.matcher(path.getFileName().toString());
            if (name.matches() && Files.isDirectory(path)) {
                steps.add(Long.parseLong(name.group(1)));
            }
        }
        steps.sort(Comparator.naturalOrder());
        return steps;
    }

    /**
     * The newest checkpoint that is whole, or null if there is no checkpoint.
     *
     * @throws CheckpointException if there are some and none is whole: to start anew unasked would throw a night away
     */
    @Nullable
    Path newest() throws IOException {
        return newestUpTo(Long.MAX_VALUE);
    }

    /** The same among those of steps up to this one. */
    @Nullable
    Path newestUpTo(long step) throws IOException {
        List<Long> steps = steps().stream().filter(saved -> saved <= step).toList();
        List<String> faults = new ArrayList<>();
        for (int i = steps.size() - 1; i >= 0; i--) {
            Path checkpoint = path(steps.get(i));
            try {
                verify(checkpoint);
                return checkpoint;
            } catch (CheckpointException e) {
                faults.add(String.valueOf(e.getMessage()));
                LOG.log(System.Logger.Level.WARNING, "passing over a checkpoint that is not whole: " + e.getMessage());
            }
        }
        if (!faults.isEmpty()) {
            throw new CheckpointException(
                    directory,
                    "none of its checkpoints is whole (" + String.join("; ", faults)
                            + "): put a copy in their place, or start anew in another directory");
        }
        return null;
    }

    /** Refuses a checkpoint that lacks a file, or has one with other bytes than were written. */
    static void verify(Path checkpoint) throws CheckpointException {
        JsonObject files = Json.read(checkpoint.resolve(MANIFEST)).requireObject("files");
        for (String name : files.keys()) {
            Path file = file(checkpoint, name);
            if (file == null) {
                throw files.fault(name, "is no name of a file in a checkpoint");
            }
            var entry = files.node(name);
            try {
                if (entry == null
                        || entry.size() != 2
                        || Files.size(file) != entry.get(0).asLong()) {
                    throw new CheckpointException(file, "has not the length that " + MANIFEST + " tells of");
                }
                if (Uninterrupted.withFile(() -> checksum(file)) != entry.get(1).asLong()) {
                    throw new CheckpointException(file, "has not the checksum that " + MANIFEST + " tells of");
                }
            } catch (CheckpointException e) {
                throw e;
            } catch (IOException e) {
                throw new CheckpointException(file, "cannot be read: " + FileFault.of(e), e);
            }
        }
    }

    private static @Nullable Path file(Path checkpoint, String name) {
        try {
            return FILE_NAME.matcher(name).matches() ? checkpoint.resolve(name) : null;
        } catch (InvalidPathException e) {
            return null;
        }
    }

    /** The newest step up to this one of which there is a checkpoint, whole or not; null if there is none. */
    @Nullable
    Long lastUpTo(long step) throws IOException {
        return steps().stream()
                .filter(saved -> saved <= step)
                .max(Long::compare)
                .orElse(null);
    }

    /**
     * Removes the oldest checkpoints so that {@code limit} are left, these and the newest always among them; 0 keeps all. One that
     * cannot be removed is told of and stays, none goes in its stead, and the next call tries again.
     */
    void prune(int limit, Set<Long> kept) throws IOException {
        removeLeftovers();
        List<Long> steps = steps();
        int surplus = limit == 0 ? 0 : steps.size() - limit;
        for (int i = 0; i < steps.size() - 1 && surplus > 0; i++) {
            if (!kept.contains(steps.get(i))) {
                removeIfPossible(path(steps.get(i)));
                surplus--;
            }
        }
    }

    /** Gives the checkpoints of steps after this one, damaged or gone astray, other names. What was saved stays. */
    void setAsideAfter(long step) throws IOException {
        for (long later : steps()) {
            if (later > step) {
                LOG.log(System.Logger.Level.WARNING, path(later) + " is kept as " + setAside(later));
            }
        }
    }

    private Path setAside(long step) throws IOException {
        Path place = path(step);
        int number = 1;
        Path aside;
        do {
            aside = directory.resolve(place.getFileName() + ".set-aside-" + number);
            number++;
        } while (Files.exists(aside));
        if (Files.exists(place)) {
            Files.move(place, aside, StandardCopyOption.ATOMIC_MOVE);
        }
        return aside;
    }

    /** Whether {@link #removeAll} removes what goes by a name. */
    static boolean isRemoved(String name) {
        return List.of(NAME, SET_ASIDE, LEFTOVER).stream()
                .anyMatch(pattern -> pattern.matcher(name).matches());
    }

    /** Removes all checkpoints, those set aside too. */
    void removeAll() throws IOException {
        // none must be left to go on from if not all can be deleted
        for (long step : steps()) {
            takeAway(path(step));
        }
        removeLeftovers();
        for (Path path : list(directory)) {
            if (SET_ASIDE.matcher(path.getFileName().toString()).matches()) {
                delete(path);
            }
        }
    }

    /** Removes what a killed process left half written or half removed, and tells of what cannot be removed. */
    void removeLeftovers() throws IOException {
        for (Path path : list(directory)) {
            if (LEFTOVER.matcher(path.getFileName().toString()).matches()) {
                removeIfPossible(path);
            }
        }
    }

    /** Another program may have a file open: where that keeps it from being deleted, it is not worth a run. */
    private void removeIfPossible(Path path) {
        try {
            delete(NAME.matcher(path.getFileName().toString()).matches() ? takeAway(path) : path);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.WARNING, path + " cannot be removed, and is tried again later: " + e);
        }
    }

    /** A directory that is being removed must not look like a checkpoint meanwhile; returns what it is called now. */
    private Path takeAway(Path checkpoint) throws IOException {
        Path old = directory.resolve("." + checkpoint.getFileName() + ".old");
        delete(old);
        return Files.move(checkpoint, old, StandardCopyOption.ATOMIC_MOVE);
    }

    private static List<Path> list(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.sorted().toList();
        }
    }

    /** All files below a directory. */
    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> entries = Files.walk(directory)) {
            return entries.filter(Files::isRegularFile).toList();
        }
    }

    private static void deleteIfPossible(Path tree) {
        try {
            delete(tree);
        } catch (IOException e) {
            // the failure that is under way says more, and the next run tries again
            LOG.log(System.Logger.Level.DEBUG, tree + " is left behind", e);
        }
    }

    static void delete(Path tree) throws IOException {
        if (!Files.exists(tree)) {
            return;
        }
        try (Stream<Path> entries = Files.walk(tree)) {
            entries.sorted(Comparator.reverseOrder()).forEach(path -> {
                try {
                    Files.delete(path);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static long checksum(Path file) throws IOException {
        CRC32C crc = new CRC32C();
        ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            while (channel.read(buffer) >= 0) {
                crc.update(buffer.flip());
                buffer.clear();
            }
        }
        return crc.getValue();
    }
}
