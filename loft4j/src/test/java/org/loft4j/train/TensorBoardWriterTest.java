package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads the files back with a reader that shares nothing with the writer, its checksum included. */
class TensorBoardWriterTest {
    @TempDir
    Path directory;

    @Test
    void scalarsComeBackAsTheyWereWritten() throws IOException {
        Path file;
        try (TensorBoardWriter writer = new TensorBoardWriter(directory.resolve("runs"), 0)) {
            file = writer.file();
            writer.scalar("train/loss", 0.6931471805599453, 1);
            writer.scalar("train/loss", -1.5e-30, 300);
            writer.scalar("prüf/große", Double.NaN, 5_000_000_000L);
        }
        assertTrue(file.getFileName().toString().matches("events\\.out\\.tfevents\\.\\d{10}\\..+"), file.toString());
        List<Event> events = read(file);
        assertEquals(5, events.size());
        assertEquals("brain.Event:2", events.get(0).version);
        assertEquals(1, events.get(1).sessionStatus);
        assertEquals("train/loss", events.get(2).tag);
        assertEquals(1, events.get(2).step);
        assertEquals((float) 0.6931471805599453, events.get(2).value);
        assertEquals(300, events.get(3).step);
        assertEquals(-1.5e-30f, events.get(3).value);
        assertEquals("prüf/große", events.get(4).tag);
        assertEquals(5_000_000_000L, events.get(4).step);
        assertTrue(Float.isNaN(events.get(4).value));
        double now = System.currentTimeMillis() / 1000.0;
        assertTrue(events.get(2).wallTime > now - 60 && events.get(2).wallTime <= now);
    }

    @Test
    void aRunThatGoesOnStartsAnotherFileWhichSaysFromWhichStep() throws IOException {
        try (TensorBoardWriter first = new TensorBoardWriter(directory, 0);
                TensorBoardWriter second = new TensorBoardWriter(directory, 42)) {
            assertNotEquals(first.file(), second.file());
            Event start = read(second.file()).get(1);
            assertEquals(1, start.sessionStatus);
            assertEquals(42, start.step);
        }
    }

    @Test
    void anInterruptLeavesItOpen() throws IOException {
        Thread.currentThread().interrupt();
        try (TensorBoardWriter writer = new TensorBoardWriter(directory, 0)) {
            writer.scalar("train/loss", 0.5, 1);
            assertTrue(Thread.interrupted());
            writer.scalar("train/loss", 0.25, 2);
            assertEquals(4, read(writer.file()).size());
        }
    }

    static final class Event {
        double wallTime;
        long step;
        String version = "";
        long sessionStatus;
        String tag = "";
        float value;
    }

    static List<Event> read(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        List<Event> events = new ArrayList<>();
        while (bytes.hasRemaining()) {
            int start = bytes.position();
            long length = bytes.getLong();
            assertEquals(mask(crc(bytes.array(), start, 8)), Integer.toUnsignedLong(bytes.getInt()));
            byte[] data = new byte[(int) length];
            bytes.get(data);
            assertEquals(mask(crc(data, 0, data.length)), Integer.toUnsignedLong(bytes.getInt()));
            events.add(event(data));
        }
        return events;
    }

    private static Event event(byte[] data) {
        Event event = new Event();
        ByteBuffer in = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
        while (in.hasRemaining()) {
            switch ((int) varint(in)) {
                case 0x09 -> event.wallTime = in.getDouble();
                case 0x10 -> event.step = varint(in);
                case 0x1a -> event.version = new String(chunk(in), StandardCharsets.UTF_8);
                case 0x2a -> summary(event, chunk(in));
                case 0x3a -> {
                    ByteBuffer log = ByteBuffer.wrap(chunk(in));
                    assertEquals(0x08, log.get());
                    event.sessionStatus = varint(log);
                }
                default -> throw new AssertionError("unexpected field in Event");
            }
        }
        return event;
    }

    private static void summary(Event event, byte[] data) {
        ByteBuffer summary = ByteBuffer.wrap(data);
        assertEquals(0x0a, summary.get());
        ByteBuffer value = ByteBuffer.wrap(chunk(summary)).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(0x0a, value.get());
        event.tag = new String(chunk(value), StandardCharsets.UTF_8);
        assertEquals(0x15, value.get());
        event.value = value.getFloat();
        assertEquals(0, value.remaining());
        assertEquals(0, summary.remaining());
    }

    private static byte[] chunk(ByteBuffer in) {
        byte[] chunk = new byte[(int) varint(in)];
        in.get(chunk);
        return chunk;
    }

    private static long varint(ByteBuffer in) {
        long value = 0;
        for (int shift = 0; ; shift += 7) {
            byte next = in.get();
            value |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return value;
            }
        }
    }

    private static long mask(long crc) {
        return (((crc >>> 15) | (crc << 17)) + 0xa282ead8L) & 0xffffffffL;
    }

    /** CRC-32C bit by bit. */
    private static long crc(byte[] data, int offset, int length) {
        long crc = 0xffffffffL;
        for (int i = offset; i < offset + length; i++) {
            crc ^= data[i] & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 1) == 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78L;
            }
        }
        return crc ^ 0xffffffffL;
    }

    @Test
    void theReadersOwnChecksumIsRight() {
        byte[] check = "123456789".getBytes(StandardCharsets.US_ASCII);
        assertEquals(0xe3069283L, crc(check, 0, check.length));
    }
}
