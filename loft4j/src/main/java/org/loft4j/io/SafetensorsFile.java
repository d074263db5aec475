package org.loft4j.io;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * A safetensors file, mapped into memory in segments, so that it may be of any size. The header is checked in full when the
 * file is opened; a tensor is copied out when it is read. Safe for use by several threads.
 */
public final class SafetensorsFile implements TensorSource {
    /** A mapping may not exceed 2 GiB. */
    private static final long SEGMENT = 1L << 30;

    private final Path file;
    private final FileChannel channel;
    private final SafetensorsHeader header;
    private final long size;
    private final @Nullable MappedByteBuffer[] segments;

    private SafetensorsFile(Path file, FileChannel channel) throws IOException {
        this.file = file;
        this.channel = channel;
        this.header = SafetensorsHeader.read(file, channel);
        this.size = channel.size();
        this.segments = new MappedByteBuffer[Math.toIntExact((size + SEGMENT - 1) / SEGMENT)];
    }

    /**
     * Opens a file and checks its header.
     *
     * @throws CheckpointException if the file is missing, unreadable or not valid safetensors
     */
    public static SafetensorsFile open(Path file) throws CheckpointException {
        if (!Files.isRegularFile(file)) {
            throw new CheckpointException(file, Files.exists(file) ? "is not a file" : "there is no such file");
        }
        FileChannel channel = null;
        try {
            channel = FileChannel.open(file, StandardOpenOption.READ);
            var opened = new SafetensorsFile(file, channel);
            channel = null;
            return opened;
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw new CheckpointException(file, "cannot be read: " + e, e);
        } finally {
            closeQuietly(channel);
        }
    }

    @Override
    public Path path() {
        return file;
    }

    @Override
    public Set<String> names() {
        return header.entries().keySet();
    }

    /** The strings under {@code __metadata__}; empty where the file has none. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    @Override
    public TensorInfo info(String name) throws CheckpointException {
        return entry(name).info();
    }

    @Override
    public Tensor read(String name) throws CheckpointException {
        var entry = entry(name);
        TensorInfo info = entry.info();
        requireUnchanged(name);
        if (info.dtype() == Dtype.BOOL) {
            return booleans(entry);
        }
        Tensor tensor = allocate(info, info.dtype());
        copy(entry, tensor);
        return tensor;
    }

    /** Bytes other than 0 and 1 are no booleans to libtorch: any that is not 0 counts as true. */
    private Tensor booleans(SafetensorsHeader.Entry entry) throws CheckpointException {
        Tensor bytes = allocate(entry.info(), Dtype.U8);
        copy(entry, bytes);
        return bytes.to(Dtype.BOOL.scalarType());
    }

    private Tensor allocate(TensorInfo info, Dtype dtype) throws CheckpointException {
        try {
            return Tensors.empty(dtype, DeviceSpec.CPU, info.shape());
        } catch (RuntimeException e) {
            throw new CheckpointException(
                    file,
                    "tensor " + JsonFault.quote(info.name()) + ": no memory for its " + info.bytes() + " bytes",
                    e);
        }
    }

    private void copy(SafetensorsHeader.Entry entry, Tensor target) throws CheckpointException {
        long bytes = entry.info().bytes();
        try (NativeScope scope = new NativeScope()) {
            var memory = new BytePointer(target.data_ptr());
            for (long done = 0; done < bytes; ) {
                ByteBuffer source = mapped(entry.position() + done, bytes - done);
                int count = source.remaining();
                memory.position(done).limit(done + count).asByteBuffer().put(source);
                done += count;
            }
        } catch (IOException e) {
            throw new CheckpointException(
                    file, "tensor " + JsonFault.quote(entry.info().name()) + ": cannot be read: " + e, e);
        }
    }

    /** At most {@code length} bytes from a position, as far as the segment that holds it goes. */
    private ByteBuffer mapped(long position, long length) throws IOException {
        int index = (int) (position / SEGMENT);
        long start = index * SEGMENT;
        MappedByteBuffer segment;
        synchronized (segments) {
            segment = segments[index];
            if (segment == null) {
                segment = channel.map(FileChannel.MapMode.READ_ONLY, start, Math.min(SEGMENT, size - start));
                segments[index] = segment;
            }
        }
        int offset = (int) (position - start);
        return segment.slice(offset, (int) Math.min(length, segment.capacity() - offset));
    }

    /** Touching a mapped page that the file no longer has would end in an error of the virtual machine. */
    private void requireUnchanged(String name) throws CheckpointException {
        try {
            if (channel.size() < size) {
                throw new CheckpointException(
                        file, "tensor " + JsonFault.quote(name) + ": the file became shorter after it was opened");
            }
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw new CheckpointException(file, "tensor " + JsonFault.quote(name) + ": cannot be read: " + e, e);
        }
    }

    private SafetensorsHeader.Entry entry(String name) throws CheckpointException {
        var entry = header.entries().get(name);
        if (entry == null) {
            throw new CheckpointException(file, "there is no tensor " + JsonFault.quote(name));
        }
        return entry;
    }

    @Override
    public void close() {
        synchronized (segments) {
            java.util.Arrays.fill(segments, null);
        }
        closeQuietly(channel);
    }

    private static void closeQuietly(@Nullable FileChannel channel) {
        if (channel != null) {
            try {
                channel.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
