package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class GgufWriterTest {
    @TempDir
    Path directory;

    @Test
    void everyTypeOfValueIsReadBack() throws IOException {
        GgufMetadata metadata = new GgufMetadata().text("general.architecture", "llama");
        for (GgufValue.Kind kind : GgufValue.Kind.values()) {
            boolean signed = kind.name().startsWith("I");
            metadata.put(
                    "kind." + kind.name().toLowerCase(java.util.Locale.ROOT),
                    new GgufValue.Whole(kind, signed ? -3 : 200));
        }
        metadata.number("a.number", 0.1)
                .put("a.wide", new GgufValue.Float64(0.1))
                .flag("a.yes", true)
                .flag("a.no", false)
                .text("a.text", "naïve 🦙 ▁")
                .count("a.large", 4_000_000_000L)
                .texts("a.texts", List.of("", "b", "日本"))
                .texts("a.empty", List.of())
                .numbers("a.numbers", new float[] {1, -0.5f})
                .wholes("a.wholes", new int[] {-1, 7});
        Path file = directory.resolve("values.gguf");
        long size = GgufWriter.write(file, metadata, List.of());
        GgufReader read = new GgufReader(file);
        assertEquals(size, Files.size(file));
        assertEquals(32L, read.metadata.get("general.alignment"));
        assertEquals(4, read.types.get("general.alignment"));
        assertEquals(200L, read.metadata.get("kind.u8"));
        assertEquals(-3L, read.metadata.get("kind.i8"));
        assertEquals(-3L, read.metadata.get("kind.i16"));
        assertEquals(-3L, read.metadata.get("kind.i64"));
        assertEquals(
                Map.of("u8", 0, "i8", 1, "u16", 2, "i16", 3, "u32", 4, "i32", 5).entrySet().stream()
                        .allMatch(e -> read.types.get("kind." + e.getKey()).equals(e.getValue())),
                true);
        assertEquals(0.1f, read.metadata.get("a.number"));
        assertEquals(0.1, read.metadata.get("a.wide"));
        assertEquals(true, read.metadata.get("a.yes"));
        assertEquals(false, read.metadata.get("a.no"));
        assertEquals("naïve 🦙 ▁", read.metadata.get("a.text"));
        assertEquals(4_000_000_000L, read.metadata.get("a.large"));
        assertEquals(List.of("", "b", "日本"), read.metadata.get("a.texts"));
        assertEquals(List.of(), read.metadata.get("a.empty"));
        assertEquals(List.of(1f, -0.5f), read.metadata.get("a.numbers"));
        assertEquals(List.of(-1L, 7L), read.metadata.get("a.wholes"));
    }

    /** Whatever it could be written as: other programs would take it, and answer garbage. */
    @ParameterizedTest
    @EnumSource(
            value = GgufType.class,
            names = {"F32", "F16", "BF16", "Q8_0"})
    void valuesThatAreNoNumbersAreNotWritten(GgufType type) {
        float[] values = new float[32];
        values[7] = Float.NaN;
        GgufTensor broken = new GgufTensor("w", new long[] {1, 32}, type, () -> Tensors.of(values, 1, 32));
        Path file = directory.resolve("broken.gguf");
        ConfigException refused =
                assertThrows(ConfigException.class, () -> GgufWriter.write(file, new GgufMetadata(), List.of(broken)));
        assertEquals("tensor w has values that are no numbers, or infinite", refused.getMessage());
        assertFalse(Files.exists(file));
    }

    /** Their bytes are given, and must be as many as the rows need. */
    @Test
    void blocksOfMxfp4AreWrittenAsTheyAre() throws IOException {
        long[] shape = {2, 64};
        Path file = directory.resolve("packed.gguf");
        float[] bytes = new float[2 * 34];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = i % 17 == 0 ? 128 : 0x20 + i % 17 - 1;
        }
        var byteType = Dtype.U8.scalarType();
        GgufWriter.write(
                file,
                new GgufMetadata(),
                List.of(new GgufTensor(
                        "p",
                        shape,
                        GgufType.MXFP4,
                        () -> Tensors.of(bytes, 2, 34).to(byteType))));
        GgufReader.Entry read = new GgufReader(file).tensors.get("p");
        assertArrayEquals(new long[] {64, 2}, read.sizes());
        assertEquals(68, read.bytes());
        // 0x23: the fourth value of a block is 1.5, and the 20th 1, times two
        assertEquals(3f, read.values()[3]);
        assertEquals(2f, read.values()[19]);
        for (GgufTensor wrong : List.of(
                new GgufTensor(
                        "p",
                        shape,
                        GgufType.MXFP4,
                        () -> Tensors.of(bytes, 34, 2).to(byteType)),
                new GgufTensor("p", shape, GgufType.MXFP4, () -> Tensors.of(bytes, 2, 34)))) {
            assertThrows(
                    IllegalArgumentException.class, () -> GgufWriter.write(file, new GgufMetadata(), List.of(wrong)));
        }
    }

    @Test
    void tensorsOfEveryTypeAreReadBackInPlace() throws IOException {
        long seed = 20251125L;
        Random random = new Random(seed);
        float[] values = new float[3 * 64];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        List<GgufTensor> tensors = new ArrayList<>();
        for (GgufType type : List.of(GgufType.F32, GgufType.F16, GgufType.Q8_0, GgufType.BF16)) {
            tensors.add(new GgufTensor("m." + type, new long[] {3, 64}, type, () -> Tensors.of(values, 3, 64)));
            // five values leave a gap behind them in every type that holds them
            if (type != GgufType.Q8_0) {
                tensors.add(new GgufTensor(
                        "v." + type,
                        new long[] {5},
                        type,
                        () -> Tensors.of(values, 192).narrow(0, 7, 5)));
            }
        }
        Path file = directory.resolve("tensors.gguf");
        GgufWriter.write(file, new GgufMetadata(), tensors);
        GgufReader read = new GgufReader(file);
        assertEquals(tensors.stream().map(GgufTensor::name).toList(), List.copyOf(read.tensors.keySet()));
        assertArrayEquals(new long[] {64, 3}, read.tensors.get("m.F32").sizes());
        assertArrayEquals(values, read.tensors.get("m.F32").values());
        for (int i = 0; i < 5; i++) {
            assertEquals(values[7 + i], read.tensors.get("v.F32").values()[i]);
        }
        for (int i = 0; i < values.length; i++) {
            String what = "seed " + seed + ", value " + i;
            assertEquals(values[i], read.tensors.get("m.F16").values()[i], Math.abs(values[i]) * 0x1p-11 + 1e-7, what);
            assertEquals(values[i], read.tensors.get("m.BF16").values()[i], Math.abs(values[i]) * 0x1p-8, what);
        }
        for (int block = 0; block < values.length / 32; block++) {
            float largest = 0;
            for (int i = 0; i < 32; i++) {
                largest = Math.max(largest, Math.abs(values[32 * block + i]));
            }
            for (int i = 0; i < 32; i++) {
                // half a step of the grid, and what float16 takes from the scale of the largest of 127 steps
                double bound = largest / 127 * (0.5 + 127 * 0x1p-11) + 1e-9;
                assertEquals(values[32 * block + i], read.tensors.get("m.Q8_0").values()[32 * block + i], bound);
            }
        }
    }

    /** By hand: 127 steps of 1/127·254 = 2; 3 and −3 are 1.5 steps and go away from zero, and so do 5 and −5; a block of zeros has scale 0. */
    @Test
    void blocksAreLaidOutAndRoundedAsGgmlDoes() throws IOException {
        float[] values = new float[64];
        values[0] = 254;
        values[1] = 3;
        values[2] = -3;
        values[3] = -254;
        values[4] = 0.99f;
        values[5] = 5;
        values[6] = -5;
        Path file = directory.resolve("blocks.gguf");
        GgufTensor tensor = new GgufTensor("t", new long[] {64}, GgufType.Q8_0, () -> Tensors.of(values, 64));
        GgufWriter.write(file, new GgufMetadata(), List.of(tensor));
        GgufReader read = new GgufReader(file);
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer data = ByteBuffer.wrap(bytes, (int) read.dataStart, 68);
        assertEquals(0x00, data.get());
        assertEquals(0x40, data.get()); // 2.0 in float16, little endian
        assertEquals(127, data.get());
        assertEquals(2, data.get());
        assertEquals(-2, data.get());
        assertEquals(-127, data.get());
        assertEquals(0, data.get());
        assertEquals(3, data.get());
        assertEquals(-3, data.get());
        data.position(data.position() + 25);
        for (int i = 0; i < 34; i++) {
            assertEquals(0, data.get());
        }
    }

    @Test
    void halfPrecisionAndStridedSourcesAreWrittenAsTheyStand() throws IOException {
        float[] values = {1, 2, 3, 4, 5, 6};
        GgufTensor tensor = new GgufTensor("t", new long[] {3, 2}, GgufType.F32, () -> {
            Tensor half = Tensors.of(values, 2, 3).to(Dtype.BF16.scalarType());
            return half.t();
        });
        Path file = directory.resolve("strided.gguf");
        GgufWriter.write(file, new GgufMetadata(), List.of(tensor));
        assertArrayEquals(
                new float[] {1, 4, 2, 5, 3, 6},
                new GgufReader(file).tensors.get("t").values());
    }

    /** A block's scale is its greatest number by 127, in float16. */
    @Test
    void aBlockWhoseScaleFloat16CannotHoldIsRefused() throws IOException {
        Path file = directory.resolve("scales.gguf");
        try (NativeScope scope = new NativeScope()) {
            float[] values = new float[32];
            values[3] = -127f * 65504;
            Tensor most = Tensors.of(values, 1, 32);
            GgufWriter.write(
                    file,
                    new GgufMetadata(),
                    List.of(new GgufTensor("w", new long[] {1, 32}, GgufType.Q8_0, () -> most)));
            Tensor more = most.mul(new Scalar(1.01));
            ConfigException refused = assertThrows(
                    ConfigException.class,
                    () -> GgufWriter.write(
                            file,
                            new GgufMetadata(),
                            List.of(new GgufTensor("w", new long[] {1, 32}, GgufType.Q8_0, () -> more))));
            assertTrue(refused.getMessage().contains("use bf16 or f32"), refused.getMessage());
        }
    }

    @Test
    void aFailureLeavesTheOldFileAndNothingElse() throws IOException {
        Path file = directory.resolve("model.gguf");
        Files.writeString(file, "old");
        GgufTensor large = new GgufTensor("t", new long[] {32}, GgufType.F16, () -> {
            float[] values = new float[32];
            values[5] = 70000;
            return Tensors.of(values, 32);
        });
        ConfigException beyond =
                assertThrows(ConfigException.class, () -> GgufWriter.write(file, new GgufMetadata(), List.of(large)));
        assertTrue(beyond.getMessage().contains("use bf16"), beyond.getMessage());
        GgufTensor other = new GgufTensor("t", new long[] {33}, GgufType.F32, () -> Tensors.of(new float[32], 32));
        assertThrows(ShapeException.class, () -> GgufWriter.write(file, new GgufMetadata(), List.of(other)));
        assertEquals("old", Files.readString(file));
        try (Stream<Path> files = Files.list(directory)) {
            assertEquals(1, files.count());
        }
    }

    @Test
    void whatTheFormatCannotHoldIsRefused() {
        GgufTensor.Values none = () -> {
            throw new IOException("is never read");
        };
        assertThrows(ConfigException.class, () -> new GgufTensor("x".repeat(64), new long[] {1}, GgufType.F32, none));
        assertThrows(ConfigException.class, () -> new GgufTensor("x", new long[] {33}, GgufType.Q8_0, none));
        assertThrows(ConfigException.class, () -> new GgufTensor("x", new long[] {1, 1, 1, 1, 1}, GgufType.F32, none));
        assertThrows(
                ConfigException.class, () -> new GgufTensor("x", new long[] {3, 1}, GgufType.F32, List.of(none, none)));
        assertThrows(ConfigException.class, () -> new GgufMetadata().count("n", -1));
        long beyond = 1L << 31;
        assertEquals(beyond - 1, new GgufValue.Whole(GgufValue.Kind.I32, beyond - 1).value());
        assertThrows(ConfigException.class, () -> new GgufValue.Whole(GgufValue.Kind.I32, beyond));
        assertThrows(
                ConfigException.class,
                () -> new GgufValue.Array(GgufValue.TEXT, List.of(new GgufValue.Text("a"), new GgufValue.Truth(true))));
        assertThrows(
                ConfigException.class, () -> new GgufMetadata().count("n", 1).flag("n", true));
        assertThrows(ConfigException.class, () -> GgufType.parse("q4_0"));
        GgufTensor one = new GgufTensor("x", new long[] {1}, GgufType.F32, none);
        Path file = directory.resolve("none.gguf");
        assertThrows(ConfigException.class, () -> GgufWriter.write(file, new GgufMetadata(), List.of(one, one)));
        assertFalse(Files.exists(file));
    }

    /** More elements than one piece of the conversion, with a piece that ends inside of a row. */
    @Test
    void longTensorsAreConvertedPieceByPiece() throws IOException {
        int rows = 1025;
        int row = 8192;
        Path file = directory.resolve("long.gguf");
        GgufTensor tensor = new GgufTensor("t", new long[] {rows, row}, GgufType.Q8_0, () -> {
            try (NativeScope scope = new NativeScope()) {
                float[] values = new float[rows * row];
                for (int i = 0; i < values.length; i++) {
                    values[i] = i % 127;
                }
                return scope.toEnclosing(Tensors.of(values, rows, row));
            }
        });
        GgufWriter.write(file, new GgufMetadata(), List.of(tensor));
        float[] read = new GgufReader(file).tensors.get("t").values();
        for (int i = 0; i < read.length; i += 9973) {
            assertEquals(i % 127, read[i], 0.6);
        }
        assertEquals((rows * row - 1) % 127, read[read.length - 1], 0.6);
    }
}
