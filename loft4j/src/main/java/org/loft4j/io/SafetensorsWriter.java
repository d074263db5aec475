package org.loft4j.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/**
 * Writes safetensors files atomically and the same way each time: the header's keys are sorted and padded with spaces to a
 * multiple of eight bytes; the data come with the wide element types first, so that every tensor is aligned.
 */
public final class SafetensorsWriter {
    private static final long CHUNK = 64L << 20;

    private SafetensorsWriter() {}

    /**
     * Writes tensors of any device and layout, one at a time.
     *
     * @param metadata strings to add to {@code __metadata__}, which always says {@code format: pt}
     * @throws IOException if the file cannot be written; a file that was there before is then unchanged
     * @throws IllegalArgumentException if a tensor has an element type or a name that the format lacks
     */
    public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException {
        write(file, infos(tensors), name -> Objects.requireNonNull(tensors.get(name), name), metadata);
    }

    /** Yields the values of a tensor. */
    @FunctionalInterface
    public interface Values {
        /** The tensor, of the type and shape that was announced; it belongs to the scope that is open at the call. */
        Tensor read(String name) throws IOException;
    }

    /**
     * Writes tensors that are asked for when their turn has come, so that one at a time is in memory.
     *
     * @param infos names, types and shapes of all of them
     * @throws ShapeException if a tensor is not what was announced
     */
    public static void write(Path file, Collection<TensorInfo> infos, Values values, Map<String, String> metadata)
            throws IOException {
        List<TensorInfo> order = new ArrayList<>(infos);
        order.sort(Comparator.<TensorInfo>comparingInt(info -> -info.dtype().bytes())
                .thenComparing(TensorInfo::name));
        byte[] header = header(order, metadata);
        AtomicFiles.write(file, channel -> {
            AtomicFiles.writeFully(channel, ByteBuffer.wrap(header));
            for (TensorInfo info : order) {
                writeData(channel, info, values);
            }
        });
    }

    private static List<TensorInfo> infos(Map<String, Tensor> tensors) {
        List<TensorInfo> order = new ArrayList<>();
        tensors.forEach((name, tensor) -> {
            if (name.equals(SafetensorsHeader.METADATA)) {
                throw new IllegalArgumentException("a tensor cannot be named " + name);
            }
            Dtype dtype = dtype(name, tensor);
            order.add(new TensorInfo(name, dtype, Shapes.of(tensor), tensor.numel() * dtype.bytes()));
        });
        return order;
    }

    private static Dtype dtype(String name, Tensor tensor) {
        try {
            return Dtype.of(tensor);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "tensor " + JsonFault.quote(name) + " cannot be saved: " + e.getMessage(), e);
        }
    }

    private static byte[] header(List<TensorInfo> order, Map<String, String> metadata) throws IOException {
        var strings = new TreeMap<>(metadata);
        strings.put("format", "pt");
        var entries = new TreeMap<String, Object>();
        long begin = 0;
        for (TensorInfo info : order) {
            var entry = new LinkedHashMap<String, Object>();
            entry.put("dtype", info.dtype().name());
            entry.put("shape", info.shape());
            entry.put("data_offsets", new long[] {begin, begin + info.bytes()});
            entries.put(info.name(), entry);
            begin += info.bytes();
        }
        var root = new LinkedHashMap<String, Object>();
        root.put(SafetensorsHeader.METADATA, strings);
        root.putAll(entries);
        byte[] json = Json.text(root).getBytes(StandardCharsets.UTF_8);
        int padded = Math.addExact(json.length, 7) & ~7;
        if (padded > SafetensorsHeader.MAX_BYTES) {
            throw new IllegalArgumentException(
                    "the header would have " + padded + " bytes, and the format allows " + SafetensorsHeader.MAX_BYTES);
        }
        byte[] header = new byte[Long.BYTES + padded];
        ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).putLong(padded).put(json);
        Arrays.fill(header, Long.BYTES + json.length, header.length, (byte) ' ');
        return header;
    }

    private static void writeData(FileChannel channel, TensorInfo info, Values values) throws IOException {
        try (NativeScope scope = new NativeScope()) {
            Tensor tensor = values.read(info.name());
            if (Dtype.of(tensor) != info.dtype() || !Arrays.equals(Shapes.of(tensor), info.shape())) {
                throw new ShapeException("tensor to save must be " + info + ", got " + Dtype.of(tensor) + " "
                        + Shapes.text(Shapes.of(tensor)));
            }
            Tensor host = tensor.detach().cpu().contiguous();
            long bytes = host.numel() * Dtype.of(host).bytes();
            var memory = new BytePointer(host.data_ptr());
            for (long done = 0; done < bytes; done += CHUNK) {
                int count = (int) Math.min(bytes - done, CHUNK);
                AtomicFiles.writeFully(channel, SafetensorsFile.buffer(memory, done, count));
            }
        }
    }
}
