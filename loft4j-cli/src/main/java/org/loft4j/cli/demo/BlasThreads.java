package org.loft4j.cli.demo;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * How many threads OpenBLAS uses for a product. Its threads wait for each other in busy loops: on cores that other programs
 * use too, two of them are several times slower than one. So both are tried on the products that the demo's model makes.
 */
final class BlasThreads {
    private static final int ROUNDS = 3;
    private static final int PRODUCTS = 15;

    private BlasThreads() {}

    /** Lets OpenBLAS use as many threads as are fastest now, all or one, where it can be told; returns their number. */
    static int choose() throws IOException {
        int all = Engine.threads();
        Function set = all > 1 && Platform.isLinux() ? setter() : null;
        if (set == null) {
            return all;
        }
        long withAll = 0;
        long withOne = 0;
        for (int round = 0; round <= ROUNDS; round++) {
            long first = nanos(set, all);
            long second = nanos(set, 1);
            // the first round warms up
            withAll += round == 0 ? 0 : first;
            withOne += round == 0 ? 0 : second;
        }
        int best = withAll <= withOne ? all : 1;
        set.invokeVoid(new Object[] {best});
        return best;
    }

    private static long nanos(Function set, int threads) {
        set.invokeVoid(new Object[] {threads});
        long start = System.nanoTime();
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor states = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 800, 384);
            Tensor weight = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 384, 384);
            for (int i = 0; i < PRODUCTS; i++) {
                torch.mm(states, weight);
            }
        }
        return System.nanoTime() - start;
    }

    private static @Nullable Function setter() throws IOException {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            String library = maps.filter(line -> line.contains("libopenblas"))
                    .map(line -> line.substring(line.indexOf('/')))
                    .findFirst()
                    .orElse(null);
            return library == null ? null : NativeLibrary.getInstance(library).getFunction("openblas_set_num_threads");
        } catch (UnsatisfiedLinkError e) {
            return null;
        }
    }
}
