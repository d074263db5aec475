package org.loft4j.io;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.FileFault;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Uninterrupted;

/**
 * A safetensors file of any size. Its header is checked in full when it is opened. To read a tensor, the file is mapped into
 * memory, the bytes are copied out, and the mapping is given back at once: Java's own mappings last until the garbage
 * collector finds them, and would double the resident size of a model. Between reads no file is held open; a file that was
 * replaced or changed since it was opened is refused. Safe for use by several threads.
 */
public final class SafetensorsFile implements TensorSource {
    private static final System.Logger LOG = System.getLogger(SafetensorsFile.class.getName());

    /** One call of a buffer copies less than 2 GiB. */
    private static final long CHUNK = 1L << 30;

    private final Path file;
    private final SafetensorsHeader header;
    private final Set<String> names;
    private final Identity identity;
    private volatile boolean closed;

    /** What tells a file from another one under the same name. */
    private record Identity(String key, long size, long modified) {
        static Identity of(Path file) throws IOException {
            var attributes = Files.readAttributes(file, BasicFileAttributes.class);
            return new Identity(
                    Objects.toString(attributes.fileKey()),
                    attributes.size(),
                    attributes.lastModifiedTime().toMillis());
        }
    }

    private SafetensorsFile(Path file, SafetensorsHeader header, Identity identity) {
        this.file = file;
        this.header = header;
        Set<String> all = new TreeSet<>(header.entries().keySet());
        all.addAll(header.foreign().keySet());
        this.names = Collections.unmodifiableSet(all);
        this.identity = identity;
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
        try {
            return Uninterrupted.withFile(() -> read(file));
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw new CheckpointException(file, "cannot be read: " + FileFault.of(e), e);
        }
    }

    private static SafetensorsFile read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            Identity identity = Identity.of(file);
            return new SafetensorsFile(file, SafetensorsHeader.read(file, channel), identity);
        }
    }

    @Override
    public Path path() {
        return file;
    }

    @Override
    public Set<String> names() {
        return names;
    }

    /**
     * The tensors that cannot be read here, by name: those of {@code F8_E4M3}, {@code I8} and other types of the format that are no
     * {@link Dtype}. To ask for one of them is refused.
     */
    public Map<String, ForeignTensor> foreign() {
        return header.foreign();
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
        return read(entry(name));
    }

    @Override
    public Tensor read(String name, long start, long count) throws CheckpointException {
        return read(entry(name).rows(start, count));
    }

    private Tensor read(SafetensorsHeader.Entry entry) throws CheckpointException {
        if (closed) {
            throw new IllegalStateException(
                    file + " was closed before " + entry.info().name() + " was read");
        }
        boolean booleans = entry.info().dtype() == Dtype.BOOL;
        try {
            requireUnchanged(entry);
            Tensor tensor =
                    allocate(entry.info(), booleans ? Dtype.U8 : entry.info().dtype());
            copy(entry, tensor);
            // a byte other than 0 and 1 is no boolean to libtorch: any that is not 0 counts as true
            return booleans ? tensor.to(Dtype.BOOL.scalarType()) : tensor;
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw fault(entry, "cannot be read: " + FileFault.of(e), e);
        }
    }

    private void requireUnchanged(SafetensorsHeader.Entry entry) throws IOException {
        if (!Identity.of(file).equals(identity)) {
            throw fault(entry, "the file was changed or replaced after it was opened", null);
        }
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

    private void copy(SafetensorsHeader.Entry entry, Tensor target) throws IOException {
        long bytes = entry.info().bytes();
        if (bytes == 0) {
            return;
        }
        try (NativeScope scope = new NativeScope()) {
            var memory = new BytePointer(target.data_ptr());
            BytePointer mapped = map(entry.position() + bytes);
            for (long done = 0; done < bytes; done += CHUNK) {
                int count = (int) Math.min(bytes - done, CHUNK);
                ByteBuffer into = buffer(memory, done, count);
                if (mapped == null) {
                    readFully(file, into, entry.position() + done);
                } else {
                    into.put(buffer(mapped, entry.position() + done, count));
                }
            }
        } catch (InternalError e) {
            throw fault(entry, "the file became shorter while it was read", e);
        }
    }

    /** The limit of a pointer beyond 2 GiB would be cut off, so the pointer itself is moved. */
    static ByteBuffer buffer(BytePointer memory, long offset, int count) {
        return memory.getPointer(offset).capacity(count).asByteBuffer();
    }

    /** The file's first bytes, mapped until the open scope closes; null where the system refuses, as it may for want of memory. */
    private @Nullable BytePointer map(long bytes) {
        try {
            var name = new BytePointer(file.toAbsolutePath().toString(), StandardCharsets.UTF_8);
            var options = Tensors.options(Dtype.U8, DeviceSpec.CPU);
            Tensor mapped = torch.from_file(name, new BoolOptional(false), new LongOptional(bytes), options);
            return new BytePointer(mapped.data_ptr());
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.DEBUG, "{0} cannot be mapped and is read instead: {1}", file, e.getMessage());
            return null;
        }
    }

    /** Fills the whole of a buffer with the bytes from {@code position} on. */
    static void readFully(Path file, ByteBuffer target, long position) throws IOException {
        Uninterrupted.withFile(() -> {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                // of what was read before an interrupt nothing is read again
                while (target.hasRemaining()) {
                    long at = position + target.position();
                    if (channel.read(target, at) < 0) {
                        throw new EOFException("the file ends at " + at);
                    }
                }
            }
            return target;
        });
    }

    private SafetensorsHeader.Entry entry(String name) throws CheckpointException {
        var entry = header.entries().get(name);
        ForeignTensor foreign = header.foreign().get(name);
        if (foreign != null) {
            throw new CheckpointException(
                    file,
                    "tensor " + JsonFault.quote(name) + ": it is " + foreign.type()
                            + ", which cannot be read here: take the model in bfloat16, float16 or float32");
        }
        if (entry == null) {
            throw new CheckpointException(file, "there is no tensor " + JsonFault.quote(name));
        }
        return entry;
    }

    private CheckpointException fault(SafetensorsHeader.Entry entry, String fault, @Nullable Throwable cause) {
        String message = "tensor " + JsonFault.quote(entry.info().name()) + ": " + fault;
        return cause == null ? new CheckpointException(file, message) : new CheckpointException(file, message, cause);
    }

    @Override
    public void close() {
        closed = true;
    }
}
