package org.loft4j.io;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/**
 * Writes GGUF files of version 3, little endian, atomically. The layout is that of ggml's description of the format
 * (docs/gguf.md there): magic, version, counts, metadata, one entry a tensor, then the data. Each tensor starts at a multiple of {@link #ALIGNMENT}
 * bytes from the start of the data, and the last one is padded too, as llama.cpp reads whole blocks.
 */
public final class GgufWriter {
    /** What {@code general.alignment} says. */
    public static final int ALIGNMENT = 32;

    /** The first four bytes of a file: {@code GGUF}. */
    public static final int MAGIC = 0x46554747;

    private static final int VERSION = 3;

    private GgufWriter() {}

    /**
     * Writes a file.
     *
     * @param metadata without {@code general.alignment}, which is added
     * @param tensors in the order in which they are stored
     * @return the size of the file in bytes
     * @throws IOException if the file cannot be written, or the values of a tensor not be read; a file that was there
     *     before is then unchanged
     * @throws ConfigException if two tensors have one name, or a value lies beyond what its type can hold
     * @throws ShapeException if a tensor's values have another shape than it says
     */
    public static long write(Path file, GgufMetadata metadata, List<GgufTensor> tensors) throws IOException {
        byte[] header = header(metadata, tensors);
        AtomicFiles.write(file, channel -> {
            AtomicFiles.writeFully(channel, ByteBuffer.wrap(header));
            for (GgufTensor tensor : tensors) {
                writeData(channel, tensor);
            }
        });
        return header.length
                + tensors.stream().mapToLong(t -> padded(t.bytes())).sum();
    }

    private static void writeData(FileChannel channel, GgufTensor tensor) throws IOException {
        long written = 0;
        for (GgufTensor.Values part : tensor.parts()) {
            try (NativeScope scope = new NativeScope()) {
                Tensor values = part.read();
                if (!Arrays.equals(Shapes.of(values), tensor.given())) {
                    throw new ShapeException("tensor " + tensor.name() + " must have shape "
                            + Shapes.text(tensor.given()) + ", got " + Shapes.text(Shapes.of(values)));
                }
                written += GgufEncoding.write(channel, tensor.name(), tensor.type(), values);
            }
        }
        AtomicFiles.writeFully(channel, ByteBuffer.allocate((int) (padded(written) - written)));
    }

    private static byte[] header(GgufMetadata metadata, List<GgufTensor> tensors) {
        Bytes bytes = new Bytes();
        bytes.number(MAGIC, 4);
        bytes.number(VERSION, 4);
        bytes.number(tensors.size(), 8);
        Map<String, GgufValue> values = metadata.asMap();
        bytes.number(values.size() + 1L, 8);
        bytes.text("general.alignment");
        bytes.value(new GgufValue.Whole(GgufValue.Kind.U32, ALIGNMENT));
        values.forEach((key, value) -> {
            bytes.text(key);
            bytes.value(value);
        });
        Set<String> names = new HashSet<>();
        long offset = 0;
        for (GgufTensor tensor : tensors) {
            if (!names.add(tensor.name())) {
                throw new ConfigException("two tensors are named " + tensor.name());
            }
            long[] shape = tensor.shape();
            bytes.text(tensor.name());
            bytes.number(shape.length, 4);
            for (int i = shape.length - 1; i >= 0; i--) {
                bytes.number(shape[i], 8);
            }
            bytes.number(tensor.type().code(), 4);
            bytes.number(offset, 8);
            offset = Math.addExact(offset, padded(tensor.bytes()));
        }
        bytes.pad();
        return bytes.out.toByteArray();
    }

    private static long padded(long bytes) {
        return Math.addExact(bytes, ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /** The format's primitives. */
    private static final class Bytes {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        void number(long value, int count) {
            byte[] little = ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(value)
                    .array();
            out.write(little, 0, count);
        }

        void text(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            number(utf8.length, 8);
            out.write(utf8, 0, utf8.length);
        }

        void value(GgufValue value) {
            number(value.code(), 4);
            bare(value);
        }

        private void bare(GgufValue value) {
            if (value instanceof GgufValue.Whole whole) {
                number(whole.value(), whole.kind().bytes());
            } else if (value instanceof GgufValue.Float32 single) {
                number(Float.floatToIntBits(single.value()), 4);
            } else if (value instanceof GgufValue.Float64 wide) {
                number(Double.doubleToLongBits(wide.value()), 8);
            } else if (value instanceof GgufValue.Truth truth) {
                number(truth.value() ? 1 : 0, 1);
            } else if (value instanceof GgufValue.Text text) {
                text(text.value());
            } else if (value instanceof GgufValue.Array array) {
                number(array.elementCode(), 4);
                number(array.values().size(), 8);
                array.values().forEach(this::bare);
            }
        }

        void pad() {
            while (out.size() % ALIGNMENT != 0) {
                out.write(0);
            }
        }
    }
}
