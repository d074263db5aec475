package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.AbstractMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class AtomicFilesTest {
    private static final byte[] OLD = "old".getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path folder;

    @Test
    void theFileIsReplacedAndNothingElseIsLeft() throws Exception {
        Path file = folder.resolve("a/b/file.txt");
        AtomicFiles.write(file, OLD);
        AtomicFiles.write(file, "newer".getBytes(StandardCharsets.UTF_8));
        assertEquals("newer", Files.readString(file));
        assertEquals(List.of(file), list(file.getParent()));
    }

    @Test
    void aFailureInTheMiddleLeavesTheOldFile() throws Exception {
        Path file = folder.resolve("file.txt");
        AtomicFiles.write(file, OLD);
        for (Throwable failure :
                List.of(new IOException("full"), new IllegalStateException("x"), new OutOfMemoryError())) {
            assertThrows(
                    failure.getClass(),
                    () -> AtomicFiles.write(file, channel -> {
                        channel.write(ByteBuffer.wrap(new byte[100_000]));
                        AtomicFilesTest.<RuntimeException>raise(failure);
                    }));
            assertArrayEquals(OLD, Files.readAllBytes(file));
            assertEquals(List.of(file), list(folder));
        }
    }

    /** One that is too young may be about to be locked, and one that is locked is being written. */
    @Test
    void whatAKilledProcessLeftIsRemovedByTheNextWrite() throws Exception {
        Path file = folder.resolve("file.txt");
        FileTime longAgo = FileTime.from(Instant.now().minusSeconds(60));
        Path left = Files.writeString(folder.resolve(".file.txt.1f.tmp"), "half");
        Files.setLastModifiedTime(left, longAgo);
        Path young = Files.writeString(folder.resolve(".file.txt.2f.tmp"), "half");
        Path other = Files.writeString(folder.resolve(".other.txt.3f.tmp"), "half");
        Files.setLastModifiedTime(other, longAgo);
        Path written = Files.writeString(folder.resolve(".file.txt.4f.tmp"), "half");
        try (FileChannel channel = FileChannel.open(written, StandardOpenOption.WRITE);
                FileLock lock = channel.lock()) {
            Files.setLastModifiedTime(written, longAgo);
            AtomicFiles.write(file, OLD);
        }
        assertEquals(Set.of(young, other, written, file), Set.copyOf(list(folder)));
    }

    @Test
    void whoEndsDeletesWhatIsBeingWritten() throws Exception {
        Path file = folder.resolve("file.txt");
        AtomicFiles.write(file, OLD);
        assertThrows(
                IOException.class,
                () -> AtomicFiles.write(file, channel -> {
                    channel.write(ByteBuffer.wrap(new byte[100_000]));
                    assertEquals(2, list(folder).size());
                    AtomicFiles.deleteUnfinished();
                    assertEquals(List.of(file), list(folder));
                }));
        assertArrayEquals(OLD, Files.readAllBytes(file));
        assertEquals(List.of(file), list(folder));
    }

    /** As a shared folder of a virtual machine, or one that cannot be read: the file in it is written by then. */
    @Test
    void aDirectoryThatCannotBeForcedIsNoFault() {
        assertDoesNotThrow(() -> AtomicFiles.forceDirectory(folder.resolve("none")));
    }

    /** Whenever it comes: a channel closes itself under a thread that is interrupted. */
    @Test
    void anInterruptWaits() throws Exception {
        Path file = folder.resolve("file.txt");
        Thread.currentThread().interrupt();
        AtomicFiles.write(file, OLD);
        assertTrue(Thread.interrupted());
        int[] asked = {0};
        AtomicFiles.write(file, channel -> {
            channel.write(ByteBuffer.wrap("newer".getBytes(StandardCharsets.UTF_8)));
            if (asked[0]++ == 0) {
                Thread.currentThread().interrupt();
            }
            channel.write(ByteBuffer.wrap("!".getBytes(StandardCharsets.UTF_8)));
        });
        assertTrue(Thread.interrupted());
        assertEquals(2, asked[0]);
        assertEquals("newer!", Files.readString(file));
        assertEquals(List.of(file), list(folder));
    }

    @Test
    void aDirectoryInTheWayIsAFailureThatLeavesNothing() throws Exception {
        Path directory = Files.createDirectories(folder.resolve("taken/inside")).getParent();
        assertThrows(IOException.class, () -> AtomicFiles.write(directory, OLD));
        assertEquals(List.of(directory), list(folder));
    }

    @Test
    void aReaderSeesTheOldOrTheNewContent() throws Exception {
        Path file = folder.resolve("file.bin");
        AtomicFiles.write(file, new byte[50_000]);
        var done = new AtomicBoolean();
        Thread writer = new Thread(() -> {
            try {
                for (int i = 1; i <= 50; i++) {
                    byte[] content = new byte[50_000];
                    java.util.Arrays.fill(content, (byte) i);
                    AtomicFiles.write(file, content);
                }
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            } finally {
                done.set(true);
            }
        });
        writer.start();
        while (!done.get()) {
            byte[] seen = Files.readAllBytes(file);
            assertEquals(50_000, seen.length);
            for (byte value : seen) {
                assertEquals(seen[0], value);
            }
        }
        writer.join();
        assertEquals(50, Files.readAllBytes(file)[0]);
    }

    @Test
    void tensorsAreSavedAndOpenedByAThreadThatIsInterrupted() throws Exception {
        Path file = folder.resolve("model.safetensors");
        try (NativeScope scope = new NativeScope()) {
            Thread.currentThread().interrupt();
            SafetensorsWriter.write(file, Map.of("w", Tensors.of(new float[] {1, 2}, 2)), Map.of());
            try (SafetensorsFile saved = SafetensorsFile.open(file)) {
                assertEquals(Set.of("w"), saved.names());
            }
        } finally {
            assertTrue(Thread.interrupted());
        }
    }

    /** As tensors are where the system maps no file. */
    @Test
    void bytesAreReadByAThreadThatIsInterrupted() throws Exception {
        Path file = folder.resolve("bytes");
        Files.write(file, new byte[] {1, 2, 3, 4});
        ByteBuffer into = ByteBuffer.allocateDirect(2);
        Thread.currentThread().interrupt();
        try {
            SafetensorsFile.readFully(file, into, 1);
        } finally {
            assertTrue(Thread.interrupted());
        }
        assertEquals(List.of((byte) 2, (byte) 3), List.of(into.get(0), into.get(1)));
        into.clear();
        assertThrows(EOFException.class, () -> SafetensorsFile.readFully(file, into, 3));
    }

    @Test
    void tensorsThatCannotBeSavedLeaveTheOldFile() throws Exception {
        Path file = folder.resolve("model.safetensors");
        AtomicFiles.write(file, OLD);
        try (NativeScope scope = new NativeScope()) {
            Tensor good = Tensors.of(new float[] {1, 2}, 2);
            Tensor shorts = good.to(torch.ScalarType.Short);
            var e = assertThrows(
                    IllegalArgumentException.class,
                    () -> SafetensorsWriter.write(file, Map.of("good", good, "bad", shorts), Map.of()));
            assertTrue(String.valueOf(e.getMessage()).contains("tensor \"bad\""), e.getMessage());
            assertThrows(
                    IllegalArgumentException.class,
                    () -> SafetensorsWriter.write(file, Map.of("__metadata__", good), Map.of()));
            assertThrows(
                    java.util.NoSuchElementException.class,
                    () -> SafetensorsWriter.write(file, vanishing(good), Map.of()));
        }
        assertArrayEquals(OLD, Files.readAllBytes(file));
        assertEquals(List.of(file), list(folder));
    }

    /** A map that lists a tensor and then does not have it: a failure after the header was written. */
    private static Map<String, Tensor> vanishing(Tensor tensor) {
        return new AbstractMap<>() {
            @Override
            public Set<Entry<String, Tensor>> entrySet() {
                return Set.of(Map.entry("w", tensor));
            }

            @Override
            public Tensor get(Object key) {
                throw new java.util.NoSuchElementException();
            }
        };
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void raise(Throwable failure) throws T {
        throw (T) failure;
    }

    private static List<Path> list(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.toList();
        }
    }
}
