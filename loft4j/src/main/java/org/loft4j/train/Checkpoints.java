package org.loft4j.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

/**
 * The checkpoints of a run: directories {@code checkpoint-N}, N the step. One is written beside its place and renamed when
 * it is whole; its last file lists all others with length and CRC-32C, so that a torn one is known and passed over.
 */
final class Checkpoints {
    static final String MANIFEST = "manifest.json";

    private static final System.Logger LOG = System.getLogger(Checkpoints.class.getName());
    private static final Pattern NAME = Pattern.compile("checkpoint-([0-9]{1,18})");
    private static final Pattern LEFTOVER = Pattern.compile("\\.checkpoint-[0-9]{1,18}\\.(tmp|old)");

    private final Path directory;

    Checkpoints(Path directory) {
        this.directory = directory;
    }

    /** Writes the files of a checkpoint into a directory. */
    @FunctionalInterface
    interface Content {
        void writeTo(Path directory) throws IOException;
    }

    Path path(long step) {
        return directory.resolve("checkpoint-" + step);
    }

    /** Writes a checkpoint; it appears under its name only when all of it is on the disk. */
    Path write(long step, Content content) throws IOException {
        Path side = directory.resolve(".checkpoint-" + step + ".tmp");
        delete(side);
        Files.createDirectories(side);
        content.writeTo(side);
        TreeMap<String, Object> files = new TreeMap<>();
        for (Path file : list(side)) {
            files.put(file.getFileName().toString(), List.of(Files.size(file), checksum(file)));
        }
        Json.write(side.resolve(MANIFEST), java.util.Map.of("files", files));
        Path place = path(step);
        remove(place);
        Files.move(side, place, StandardCopyOption.ATOMIC_MOVE);
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

    /** The newest checkpoint that is whole, or null. */
    @Nullable
    Path newest() throws IOException {
        List<Long> steps = steps();
        for (int i = steps.size() - 1; i >= 0; i--) {
            Path checkpoint = path(steps.get(i));
            try {
                verify(checkpoint);
                return checkpoint;
            } catch (CheckpointException e) {
                LOG.log(System.Logger.Level.WARNING, "passing over a checkpoint that is not whole: " + e.getMessage());
            }
        }
        return null;
    }

    /** Refuses a checkpoint that lacks a file, or has one with other bytes than were written. */
    static void verify(Path checkpoint) throws CheckpointException {
        JsonObject files = Json.read(checkpoint.resolve(MANIFEST)).requireObject("files");
        for (String name : files.keys()) {
            Path file = checkpoint.resolve(name);
            var entry = files.node(name);
            try {
                if (entry == null
                        || entry.size() != 2
                        || Files.size(file) != entry.get(0).asLong()) {
                    throw new CheckpointException(file, "has not the length that " + MANIFEST + " tells of");
                }
                if (checksum(file) != entry.get(1).asLong()) {
                    throw new CheckpointException(file, "has not the checksum that " + MANIFEST + " tells of");
                }
            } catch (CheckpointException e) {
                throw e;
            } catch (IOException e) {
                throw new CheckpointException(file, "cannot be read: " + e, e);
            }
        }
    }

    /** Removes the oldest checkpoints so that {@code limit} are left, the best and the newest always among them; 0 keeps all. */
    void prune(int limit, long best) throws IOException {
        List<Long> steps = steps();
        int surplus = limit == 0 ? 0 : steps.size() - limit;
        for (int i = 0; i < steps.size() - 1 && surplus > 0; i++) {
            if (steps.get(i) != best) {
                remove(path(steps.get(i)));
                surplus--;
            }
        }
    }

    /** Removes the checkpoints of steps after this one: they are torn, or of a run that is about to be taken again. */
    void removeAfter(long step) throws IOException {
        for (long later : steps()) {
            if (later > step) {
                remove(path(later));
            }
        }
    }

    /** Removes what a killed process left half written or half removed. */
    void removeLeftovers() throws IOException {
        for (Path path : list(directory)) {
            if (LEFTOVER.matcher(path.getFileName().toString()).matches()) {
                delete(path);
            }
        }
    }

    /** A directory that is being removed must not look like a checkpoint meanwhile. */
    private void remove(Path checkpoint) throws IOException {
        if (Files.exists(checkpoint)) {
            Path old = directory.resolve("." + checkpoint.getFileName() + ".old");
            delete(old);
            Files.move(checkpoint, old, StandardCopyOption.ATOMIC_MOVE);
            delete(old);
        }
    }

    private static List<Path> list(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.sorted().toList();
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
