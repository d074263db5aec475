package org.loft4j.tensor;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.Loader;

/**
 * What OpenBLAS computes with: the kernels that it has chosen, and its threads, a pool of its own beside libtorch's, which does not
 * ask how many the calling one may use. A library in its place that has no such functions is left alone.
 */
final class Blas {
    private static final List<Function> SETTERS = functions("openblas_set_num_threads");

    private static int wanted = 1;
    private static int keeping;

    private Blas() {}

    static List<Function> functions(String name) {
        return paths().stream().flatMap(path -> function(path, name).stream()).toList();
    }

    /** Of the libraries of OpenBLAS that are loaded: none where another library multiplies. */
    static List<String> paths() {
        return Loader.getLoadedLibraries().entrySet().stream()
                .filter(library -> library.getKey().startsWith("openblas"))
                .map(Map.Entry::getValue)
                .filter(path -> path != null && Path.of(path).isAbsolute())
                .toList();
    }

    private static List<Function> function(String path, String name) {
        try {
            return List.of(NativeLibrary.getInstance(path).getFunction(name));
        } catch (LinkageError e) {
            return List.of();
        }
    }

    /** The kind of processor for which OpenBLAS has chosen its products; empty without OpenBLAS. */
    static Optional<String> kernels() {
        return functions("openblas_get_corename").stream()
                .map(function -> function.invokeString(new Object[0], false))
                .findFirst();
    }

    /** Whether these come with small ones, for AVX-512, that multiply operands where they lie: the large ones lay them out anew. */
    static boolean haveSmallKernels() {
        return Small.KERNELS;
    }

    /**
     * Whether these are no slower than the large ones on matrices of long lines, which they pass once for each strip of the other. So it
     * is on EPYCs, for which OpenBLAS takes {@code Cooperlake}, and not on Xeons, which compute faster than they read beyond a core's own
     * caches.
     */
    static boolean turnsWideLines() {
        return Small.FOR_WIDE_LINES;
    }

    /** Asked once. */
    private static final class Small {
        static final boolean KERNELS = are("skylakex|cooperlake|sapphirerapids");

        static final boolean FOR_WIDE_LINES = are("cooperlake");

        private static boolean are(String names) {
            return kernels().filter(name -> name.matches("(?i)" + names)).isPresent();
        }
    }

    /** For products that begin from now on, in all threads, unless some work keeps to one. */
    static synchronized void setThreads(int threads) {
        wanted = threads;
        if (keeping == 0) {
            set(threads);
        }
    }

    /** From now on a product stays on the thread that asks for it, until {@link #release} was called as often. */
    static synchronized void keepToOne() {
        if (keeping++ == 0) {
            set(1);
        }
    }

    static synchronized void release() {
        if (--keeping == 0) {
            set(wanted);
        }
    }

    private static void set(int threads) {
        SETTERS.forEach(setter -> setter.invokeVoid(new Object[] {threads}));
    }
}
