package org.loft4j.train;

import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.loft4j.CheckpointException;
import org.loft4j.FileFault;

/**
 * Writes scalars to a TensorBoard event file. The file is a sequence of TFRecords: length (uint64), masked CRC-32C of the
 * length, data, masked CRC-32C of the data, all little endian; the data is a protocol buffer {@code tensorflow.Event}, of
 * which only the few fields below are needed, so they are encoded by hand. An interrupt of the thread that writes leaves the file open.
 */
public final class TensorBoardWriter implements AutoCloseable {
    private static final int EVENT_WALL_TIME = 1;
    private static final int EVENT_STEP = 2;
    private static final int EVENT_FILE_VERSION = 3;
    private static final int EVENT_SUMMARY = 5;
    private static final int EVENT_SESSION_LOG = 7;
    private static final int SUMMARY_VALUE = 1;
    private static final int VALUE_TAG = 1;
    private static final int VALUE_SIMPLE_VALUE = 2;
    private static final int SESSION_LOG_STATUS = 1;
    private static final int SESSION_START = 1;

    private final Path file;
    private final FileOutputStream opened;

    /**
     * Starts a new event file in the directory. A run that goes on after a checkpoint starts another file, whose first
     * events tell TensorBoard to forget what earlier files say of later steps.
     *
     * @param directory is created if it is missing
     * @param firstStep the first step that this file will tell of
     */
    public TensorBoardWriter(Path directory, long firstStep) throws IOException {
        Files.createDirectories(directory);
        this.file = newFile(directory);
        Files.createFile(file);
        this.opened = new FileOutputStream(file.toFile());
        try {
            write(event(0).bytes(EVENT_FILE_VERSION, "brain.Event:2".getBytes(StandardCharsets.UTF_8)));
            Message start = new Message().varint(SESSION_LOG_STATUS, SESSION_START);
            write(event(firstStep).bytes(EVENT_SESSION_LOG, start.toBytes()));
        } catch (IOException e) {
            opened.close();
            throw e;
        }
    }

    /** Removes what such writers have left in a directory, and that if nothing else is in it. */
    static void deleteAll(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(TensorBoardWriter::isOurs).toList()) {
                Files.delete(file);
            }
        }
        try {
            Files.delete(directory);
        } catch (DirectoryNotEmptyException e) {
            // of others
        }
    }

    private static boolean isOurs(Path file) {
        return file.getFileName().toString().matches("events\\.out\\.tfevents\\.[0-9]+\\.loft4j\\.[0-9.]+");
    }

    private static Path newFile(Path directory) {
        long seconds = Instant.now().getEpochSecond();
        long pid = ProcessHandle.current().pid();
        Path file = directory.resolve("events.out.tfevents." + seconds + ".loft4j." + pid);
        for (int i = 1; Files.exists(file); i++) {
            file = directory.resolve("events.out.tfevents." + seconds + ".loft4j." + pid + "." + i);
        }
        return file;
    }

    public Path file() {
        return file;
    }

    /** Appends one value. The name may group by a slash: {@code train/loss}. */
    public void scalar(String tag, double value, long step) throws IOException {
        Message entry = new Message()
                .bytes(VALUE_TAG, tag.getBytes(StandardCharsets.UTF_8))
                .float32(VALUE_SIMPLE_VALUE, (float) value);
        Message summary = new Message().bytes(SUMMARY_VALUE, entry.toBytes());
        write(event(step).bytes(EVENT_SUMMARY, summary.toBytes()));
    }

    @Override
    public void close() throws IOException {
        opened.close();
    }

    private static Message event(long step) {
        return new Message()
                .float64(EVENT_WALL_TIME, System.currentTimeMillis() / 1000.0)
                .varint(EVENT_STEP, step);
    }

    /** One record goes out in one write, so that a killed process leaves whole records or a torn last one. */
    private void write(Message event) throws IOException {
        byte[] data = event.toBytes();
        ByteBuffer record = ByteBuffer.allocate(8 + 4 + data.length + 4).order(ByteOrder.LITTLE_ENDIAN);
        record.putLong(data.length);
        record.putInt(maskedCrc(record.array(), 0, 8));
        record.put(data);
        record.putInt(maskedCrc(data, 0, data.length));
        try {
            opened.write(record.array());
        } catch (IOException e) {
            throw new CheckpointException(file, "cannot be written: " + FileFault.of(e), e);
        }
    }

    /** TFRecord's mask: a checksum of data that holds checksums is weak, so it is rotated and shifted by a constant. */
    private static int maskedCrc(byte[] bytes, int offset, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, offset, length);
        return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
    }

    /** A protocol buffer message under construction. */
    private static final class Message {
        private final java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream();

        Message varint(int field, long value) {
            raw(((long) field << 3));
            raw(value);
            return this;
        }

        Message float64(int field, double value) {
            raw(((long) field << 3) | 1);
            out.writeBytes(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putDouble(value)
                    .array());
            return this;
        }

        Message float32(int field, float value) {
            raw(((long) field << 3) | 5);
            out.writeBytes(ByteBuffer.allocate(4)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putFloat(value)
                    .array());
            return this;
        }

        Message bytes(int field, byte[] value) {
            raw(((long) field << 3) | 2);
            raw(value.length);
            out.writeBytes(value);
            return this;
        }

        byte[] toBytes() {
            return out.toByteArray();
        }

        private void raw(long varint) {
            long rest = varint;
            while ((rest & ~0x7FL) != 0) {
                out.write((int) (rest & 0x7F) | 0x80);
                rest >>>= 7;
            }
            out.write((int) rest);
        }
    }
}
