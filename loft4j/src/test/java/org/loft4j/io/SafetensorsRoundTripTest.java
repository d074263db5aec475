package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

class SafetensorsRoundTripTest {
    private static final List<long[]> SHAPES = List.of(
            new long[] {}, new long[] {1}, new long[] {0}, new long[] {3, 0, 2}, new long[] {7}, new long[] {2, 3, 5, 1
            });

    @TempDir
    Path folder;

    @Test
    void everyDtypeAndShapeComesBackBitEqual() throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("-Dtests.seed=" + seed);
        Seeds.manualSeed(seed);
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new HashMap<>();
            for (Dtype dtype : Dtype.values()) {
                for (long[] shape : SHAPES) {
                    tensors.put("layer." + dtype + Shapes.text(shape), random(dtype, shape));
                }
            }
            Path file = folder.resolve("all.safetensors");
            SafetensorsWriter.write(file, tensors, Map.of("made by", "a \"test\" ✓"));

            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                assertEquals(tensors.keySet(), read.names());
                assertEquals(Map.of("format", "pt", "made by", "a \"test\" ✓"), read.metadata());
                for (var entry : tensors.entrySet()) {
                    TensorInfo info = read.info(entry.getKey());
                    assertArrayEquals(Shapes.of(entry.getValue()), info.shape());
                    assertEquals(entry.getValue().numel(), info.elements());
                    assertTrue(Tensors.bitEqual(entry.getValue(), read.read(entry.getKey())), entry.getKey());
                }
            }
        }
    }

    @Test
    void someRowsArePartOfTheWhole() throws Exception {
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = Map.of(
                    "before",
                    random(Dtype.U8, new long[] {3}),
                    "table",
                    random(Dtype.BF16, new long[] {9, 5}),
                    "empty",
                    random(Dtype.F32, new long[] {0, 4}));
            Path file = folder.resolve("rows.safetensors");
            SafetensorsWriter.write(file, tensors, Map.of());
            Tensor table = tensors.get("table");
            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                assertTrue(Tensors.bitEqual(table.narrow(0, 0, 4), read.read("table", 0, 4)));
                assertTrue(Tensors.bitEqual(table.narrow(0, 4, 5), read.read("table", 4, 5)));
                assertEquals(0, read.read("empty", 0, 0).numel());
                assertThrows(IndexOutOfBoundsException.class, () -> read.read("table", 5, 5));
                assertThrows(IndexOutOfBoundsException.class, () -> read.read("table", -1, 2));
            }
        }
    }

    @Test
    void viewsAreWrittenAsTheyLook() throws Exception {
        try (NativeScope scope = new NativeScope()) {
            Tensor base = torch.arange(new org.bytedeco.pytorch.Scalar(24L)).view(4, 6);
            Map<String, Tensor> views = Map.of(
                    "transposed",
                    base.t(),
                    "column",
                    base.select(1, 2),
                    "expanded",
                    base.select(0, 1).expand(3, 6));
            Path file = folder.resolve("views.safetensors");
            SafetensorsWriter.write(file, views, Map.of());
            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                for (var view : views.entrySet()) {
                    assertTrue(Tensors.bitEqual(view.getValue().contiguous(), read.read(view.getKey())), view.getKey());
                }
            }
        }
    }

    @Test
    void theHeaderIsSortedAndPaddedAndTheDataAreAligned() throws Exception {
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = Map.of(
                    "b", Tensors.zeros(Dtype.U8, DeviceSpec.CPU, 3),
                    "c", Tensors.of(new float[] {1, 2}, 2),
                    "a", Tensors.zeros(Dtype.BF16, DeviceSpec.CPU, 5));
            Path file = folder.resolve("sorted.safetensors");
            SafetensorsWriter.write(file, tensors, Map.of());
            byte[] bytes = Files.readAllBytes(file);
            long length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
            assertEquals(0, length % 8);
            assertEquals(
                    "{\"__metadata__\":{\"format\":\"pt\"},"
                            + "\"a\":{\"dtype\":\"BF16\",\"shape\":[5],\"data_offsets\":[8,18]},"
                            + "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[18,21]},"
                            + "\"c\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
                    new String(bytes, 8, (int) length, StandardCharsets.UTF_8).stripTrailing());
            assertEquals(8 + length + 21, bytes.length);
        }
    }

    @Test
    void aTensorOutlivesItsFile() throws Exception {
        Path file = folder.resolve("one.safetensors");
        try (NativeScope scope = new NativeScope()) {
            SafetensorsWriter.write(file, Map.of("x", Tensors.of(new float[] {1, 2, 3}, 3)), Map.of());
            Tensor x;
            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                x = read.read("x");
            }
            Files.delete(file);
            x.add_(new org.bytedeco.pytorch.Scalar(1f));
            assertArrayEquals(new float[] {2, 3, 4}, Tensors.toFloats(x));
        }
    }

    /** Random bits; floating types hold NaNs, infinities and subnormals too. */
    private static Tensor random(Dtype dtype, long[] shape) {
        long elements = 1;
        for (long size : shape) {
            elements *= size;
        }
        if (dtype == Dtype.BOOL) {
            return torch.rand(shape).gt(new org.bytedeco.pytorch.Scalar(0.5f));
        }
        Tensor bytes = torch.randint(256, new long[] {elements * dtype.bytes()}).to(Dtype.U8.scalarType());
        return bytes.view(dtype.scalarType()).view(shape);
    }
}
