package org.loft4j.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Reading every tensor of a file of 512 MB that lies in the system's cache, beside reading its bytes into memory as new. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class SafetensorsLoadBenchmark {
    private static final int TENSORS = 32;
    private static final long SIDE = 2048;
    private static final int PIECE = 16 << 20;

    private @Nullable Path file;

    /** Writes the file. */
    @Setup(Level.Trial)
    public void write() throws IOException {
        Path target = Files.createTempFile("loft-bench", ".safetensors");
        try (NativeScope scope = new NativeScope()) {
            Tensor one = torch.randn(new long[] {SIDE, SIDE}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (int i = 0; i < TENSORS; i++) {
                tensors.put("w" + i, one);
            }
            SafetensorsWriter.write(target, tensors, Map.of());
        }
        file = target;
    }

    /** What a model does when it is opened. */
    @Benchmark
    public long tensors() throws IOException {
        long elements = 0;
        try (NativeScope scope = new NativeScope();
                SafetensorsFile source = SafetensorsFile.open(path())) {
            for (String name : source.names()) {
                elements += source.read(name).numel();
            }
        }
        return elements;
    }

    /** The same bytes into memory of the same kind. */
    @Benchmark
    public long bytes() throws IOException {
        long read = 0;
        try (NativeScope scope = new NativeScope();
                FileChannel channel = FileChannel.open(path(), StandardOpenOption.READ)) {
            while (read < channel.size()) {
                Tensor piece = Tensors.empty(Dtype.U8, DeviceSpec.CPU, PIECE);
                ByteBuffer buffer = piece.data_ptr().capacity(PIECE).asByteBuffer();
                int count = channel.read(buffer);
                if (count < 0) {
                    break;
                }
                read += count;
            }
        }
        return read;
    }

    private Path path() {
        return java.util.Objects.requireNonNull(file);
    }

    /** Removes the file. */
    @TearDown(Level.Trial)
    public void remove() throws IOException {
        Files.deleteIfExists(path());
    }
}
