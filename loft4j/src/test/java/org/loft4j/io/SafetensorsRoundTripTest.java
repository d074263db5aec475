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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.CheckpointException;
import org.loft4j.ShapeException;
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

    /** More than the 64 MiB that are written at once. */
    @Test
    void whatIsWrittenInPiecesIsWhole() throws Exception {
        try (NativeScope scope = new NativeScope()) {
            Tensor numbers = torch.arange(new org.bytedeco.pytorch.Scalar((16L << 20) + 5))
                    .to(Dtype.I32.scalarType());
            Path file = folder.resolve("pieces.safetensors");
            SafetensorsWriter.write(file, Map.of("numbers", numbers), Map.of());
            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                assertTrue(torch.equal(numbers, read.read("numbers")));
            }
        }
    }

    @Test
    void theSameTensorsMakeTheSameFileInWhateverOrder() throws Exception {
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (String name : List.of("b", "c", "a")) {
                tensors.put(name, random(Dtype.F32, new long[] {3}));
            }
            Path one = folder.resolve("one.safetensors");
            SafetensorsWriter.write(one, tensors, Map.of("format", "tf"));
            Path other = folder.resolve("other.safetensors");
            SafetensorsWriter.write(other, new TreeMap<>(tensors), Map.of());
            assertArrayEquals(Files.readAllBytes(one), Files.readAllBytes(other));
        }
    }

    @Test
    void anEmptyTensorMayLieWhereAnotherBegins() throws Exception {
        try (NativeScope scope = new NativeScope()) {
            Tensor filled = random(Dtype.F32, new long[] {2});
            Path file = folder.resolve("empty.safetensors");
            SafetensorsWriter.write(file, Map.of("a", filled, "z", random(Dtype.F64, new long[] {0, 3})), Map.of());
            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                assertTrue(Tensors.bitEqual(filled, read.read("a")));
                assertArrayEquals(new long[] {0, 3}, Shapes.of(read.read("z")));
            }
        }
    }

    @Test
    void valuesThatAreNotWhatWasAnnouncedAreRefused() throws Exception {
        Path file = Files.writeString(folder.resolve("kept.safetensors"), "as it was");
        TensorInfo announced = new TensorInfo("w", Dtype.F32, new long[] {2, 3}, 24);
        try (NativeScope scope = new NativeScope()) {
            for (Tensor other : List.of(
                    random(Dtype.I32, new long[] {2, 3}),
                    random(Dtype.F32, new long[] {3, 2}),
                    random(Dtype.F32, new long[] {2, 4}))) {
                ShapeException refused = assertThrows(
                        ShapeException.class,
                        () -> SafetensorsWriter.write(file, List.of(announced), name -> other, Map.of()));
                assertTrue(
                        String.valueOf(refused.getMessage()).startsWith("tensor to save must be w F32"),
                        refused.getMessage());
            }
        }
        assertEquals("as it was", Files.readString(file));
    }

    /** Some files have other bytes than 0 and 1. */
    @Test
    void everyByteButZeroIsTrue() throws Exception {
        Path file = Files.write(
                folder.resolve("flags.safetensors"),
                SafetensorsBytes.of("{" + SafetensorsBytes.tensor("b", "BOOL", "[4]", "[0,4]") + "}", 4));
        try (NativeScope scope = new NativeScope();
                SafetensorsFile read = SafetensorsFile.open(file)) {
            Tensor flags = read.read("b");
            assertEquals(Dtype.BOOL, Dtype.of(flags));
            Tensor bytes = Tensors.of(new long[] {0, 1, 1, 1}, 4).to(Dtype.U8.scalarType());
            assertTrue(torch.equal(bytes, flags.view(Dtype.U8.scalarType())));
        }
    }

    /** They are not read, and the tensors beside them are: each must take the room that it has. */
    @ParameterizedTest
    @CsvSource({
        "F4, 4",
        "F6_E2M3, 6",
        "F6_E3M2, 6",
        "F8_E4M3, 8",
        "F8_E4M3FNUZ, 8",
        "F8_E5M2, 8",
        "F8_E5M2FNUZ, 8",
        "F8_E8M0, 8",
        "I8, 8",
        "I16, 16",
        "U16, 16",
        "U32, 32",
        "U64, 64",
        "C64, 64"
    })
    void typesThatAreNotReadHaveTheirSize(String type, int bits) throws Exception {
        Path file = folder.resolve("foreign.safetensors");
        String header = "{" + SafetensorsBytes.tensor("f", type, "[2,4]", "[0," + bits + "]") + "}";
        Files.write(file, SafetensorsBytes.of(header, bits));
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertEquals(bits, read.foreign().get("f").bytes());
        }
        String odd = "{" + SafetensorsBytes.tensor("f", type, "[3]", "[0," + 3 * bits / 8 + "]") + "}";
        Files.write(file, SafetensorsBytes.of(odd, 3 * bits / 8));
        if (bits < 8) {
            assertThrows(CheckpointException.class, () -> SafetensorsFile.open(file));
        } else {
            SafetensorsFile.open(file).close();
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
