package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.io.SafetensorsBytes.tensor;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.ProcessMemory;
import org.loft4j.tensor.Tensors;

/** Sizes and speeds: files beyond 2 GiB, memory that stays flat, copies that are not slow. */
class SafetensorsLargeTest {
    @TempDir
    Path folder;

    /** A tebibyte is more than most systems map privately: there the file is read instead. */
    @ParameterizedTest
    @ValueSource(longs = {5L << 30, 1L << 40})
    void tensorsBeyondTwoGibibytesAreFound(long about) throws Exception {
        long skipped = about + 3;
        String header = "{" + tensor("pad", "U8", "[" + skipped + "]", "[0," + skipped + "]") + ","
                + tensor("far", "F32", "[2]", "[" + skipped + "," + (skipped + 8) + "]") + "}";
        Path file = folder.resolve("sparse.safetensors");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.write(SafetensorsBytes.of(header, 0));
            sparse.seek(Long.BYTES + header.length() + skipped);
            byte[] data = new byte[8];
            ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN).putFloat(1.5f).putFloat(-2);
            sparse.write(data);
        } catch (IOException e) {
            Assumptions.abort("no sparse files here: " + e);
        }
        try (SafetensorsFile read = SafetensorsFile.open(file);
                NativeScope scope = new NativeScope()) {
            assertEquals(skipped, read.info("pad").bytes());
            assertArrayEquals(new float[] {1.5f, -2}, Tensors.toFloats(read.read("far")));
        }
    }

    /** One tensor of more than 2 GiB, through writer and reader. */
    @Test
    @Tag("slow")
    void oneTensorBeyondTwoGibibytesComesBack() throws Exception {
        Path file = folder.resolve("large.safetensors");
        long size = (1L << 31) + 5;
        try (NativeScope scope = new NativeScope()) {
            Tensor large = Tensors.empty(Dtype.U8, DeviceSpec.CPU, size);
            large.random_(0L, new org.bytedeco.pytorch.LongOptional(256));
            SafetensorsWriter.write(file, Map.of("large", large), Map.of());
            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                assertTrue(torch.equal(large, read.read("large")));
            }
        }
    }

    @Test
    void memoryIsFlatOverManyReadsAndWrites() throws Exception {
        Path file = folder.resolve("flat.safetensors");
        int rounds = 120;
        long objects = 0;
        long resident = 0;
        for (int i = 0; i < rounds; i++) {
            if (i == rounds / 4) {
                objects = LiveObjects.settled();
                resident = ProcessMemory.resident();
            }
            try (NativeScope scope = new NativeScope()) {
                Map<String, Tensor> tensors = Map.of(
                        "a",
                        torch.zeros(1 << 20),
                        "b",
                        torch.zeros(1 << 10, 1 << 10).t(),
                        "c",
                        torch.zeros(3));
                SafetensorsWriter.write(file, tensors, Map.of("round", Integer.toString(i)));
                try (SafetensorsFile read = SafetensorsFile.open(file)) {
                    assertEquals(Integer.toString(i), read.metadata().get("round"));
                    for (String name : read.names()) {
                        read.read(name);
                    }
                }
            }
        }
        assertEquals(objects, NativeScope.liveObjects());
        long grown = ProcessMemory.resident() - resident;
        // a mapping of 8 MiB left behind in each round would be 720 MiB
        assertTrue(grown < 150L << 20, () -> "resident memory grew by " + (grown >> 20) + " MiB");
    }

    @Test
    void readingCostsLittleMoreThanCopying() throws Exception {
        Path file = folder.resolve("speed.safetensors");
        int size = 64 << 20;
        double read = Double.MAX_VALUE;
        double copy = Double.MAX_VALUE;
        try (NativeScope scope = new NativeScope()) {
            Tensor source = Tensors.empty(Dtype.U8, DeviceSpec.CPU, size).fill_(new org.bytedeco.pytorch.Scalar(7L));
            SafetensorsWriter.write(file, Map.of("w", source), Map.of());
            try (SafetensorsFile opened = SafetensorsFile.open(file)) {
                for (int i = 0; i < 5; i++) {
                    try (NativeScope round = new NativeScope()) {
                        long start = System.nanoTime();
                        Tensor tensor = opened.read("w");
                        read = Math.min(read, (System.nanoTime() - start) / 1e9);
                        start = System.nanoTime();
                        assertEquals(size, source.clone().numel());
                        copy = Math.min(copy, (System.nanoTime() - start) / 1e9);
                        assertTrue(torch.equal(source, tensor));
                    }
                }
            }
        }
        String figures = "read %.2f GB/s, clone %.2f GB/s".formatted(size / read / 1e9, size / copy / 1e9);
        System.out.println(figures);
        assertTrue(size / read > 100e6 || read < 20 * copy, figures);
        assertTrue(Files.size(file) > size);
    }
}
