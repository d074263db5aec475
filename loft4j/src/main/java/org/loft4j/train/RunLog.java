package org.loft4j.train;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.FileFault;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

/**
 * The metrics of a run as JSON Lines, one object a line, each with its {@code step}. A line goes out in one write, and only
 * lines of steps that a checkpoint covers survive a resume, so that nothing is told twice. An interrupt of the thread that writes
 * leaves the file open.
 */
public final class RunLog implements AutoCloseable {
    private final Path file;
    private final RandomAccessFile opened;
    private final long lines;

    private RunLog(Path file, RandomAccessFile opened, long lines) {
        this.file = file;
        this.opened = opened;
        this.lines = lines;
    }

    /**
     * Opens the file for appending, after everything that belongs to steps after {@code lastStep} has been cut off: 0 for a
     * new run, the checkpoint's step for one that goes on. A torn last line goes too.
     */
    public static RunLog open(Path file, long lastStep) throws IOException {
        return open(file, lastStep, line -> false);
    }

    /** The same, which also cuts off the lines of {@code lastStep} that will be told again: those of a pending evaluation. */
    public static RunLog open(Path file, long lastStep, Predicate<JsonObject> pending) throws IOException {
        // makes the file, or says in its own words why it cannot be opened; to write by it is not for a thread that may
        // be interrupted
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)
                .close();
        RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw");
        try {
            Beginning kept = lastStep == 0 ? new Beginning(0, 0) : upTo(file, lastStep, pending);
            opened.setLength(kept.bytes());
            opened.seek(opened.length());
            return new RunLog(file, opened, kept.lines());
        } catch (IOException | RuntimeException | Error e) {
            opened.close();
            throw e;
        }
    }

    private record Beginning(long bytes, long lines) {}

    /** The file's beginning that is whole lines of steps up to {@code lastStep}, without those that are pending. */
    private static Beginning upTo(Path file, long lastStep, Predicate<JsonObject> pending) throws IOException {
        long kept = 0;
        long lines = 0;
        // line by line: what a model has answered may be more than fits the heap
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            for (int next = in.read(); next >= 0; next = in.read()) {
                if (next != '\n') {
                    line.write(next);
                    continue;
                }
                if (!isKept(file, line.toString(StandardCharsets.UTF_8), lastStep, pending)) {
                    break;
                }
                kept += line.size() + 1;
                lines++;
                line.reset();
            }
        }
        return new Beginning(kept, lines);
    }

    private static boolean isKept(Path file, String line, long lastStep, Predicate<JsonObject> pending) {
        try {
            JsonObject entry = Json.parse(file, line);
            long step = entry.longOr("step", Long.MAX_VALUE);
            return step < lastStep || (step == lastStep && !pending.test(entry));
        } catch (CheckpointException e) {
            return false;
        }
    }

    /** Lines that the file had when it was opened, without those that were cut off. */
    long lines() {
        return lines;
    }

    /**
     * Appends one line. A number that is not finite is written as null, since JSON has no word for it.
     *
     * @throws CheckpointException if it cannot be written; some of it may be there, which {@link #open} cuts off
     */
    public void append(Map<String, ?> entry) throws IOException {
        byte[] line = (Json.text(finite(entry)) + "\n").getBytes(StandardCharsets.UTF_8);
        try {
            opened.write(line);
        } catch (IOException e) {
            throw new CheckpointException(file, "cannot be written: " + FileFault.of(e), e);
        }
    }

    static Map<String, Object> finite(Map<String, ?> entry) {
        Map<String, Object> finite = new LinkedHashMap<>();
        entry.forEach((key, value) -> finite.put(key, value instanceof Double number ? finite(number) : value));
        return finite;
    }

    static @Nullable Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }

    /** Forces the lines to the disk; to be called before a checkpoint that relies on them becomes visible. */
    public void sync() throws IOException {
        try {
            opened.getFD().sync();
        } catch (IOException e) {
            throw new CheckpointException(file, "cannot be forced to the disk: " + FileFault.of(e), e);
        }
    }

    @Override
    public void close() throws IOException {
        opened.close();
    }
}
