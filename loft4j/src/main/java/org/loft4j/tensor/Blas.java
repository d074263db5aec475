package org.loft4j.tensor;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Loader;

/**
 * The number of threads of OpenBLAS, which has a pool of its own beside libtorch's and does not ask how many threads the
 * calling one may use. A library in its place that has no such setting is left alone.
 */
final class Blas {
    private static final String SET_THREADS = "openblas_set_num_threads";

    private static final List<Function> SETTERS = Loader.getLoadedLibraries().entrySet().stream()
            .filter(library -> library.getKey().startsWith("openblas"))
            .map(Map.Entry::getValue)
            .filter(path -> path != null && Path.of(path).isAbsolute())
            .flatMap(path -> setter(path).stream())
            .toList();

    private Blas() {}

    private static List<Function> setter(String path) {
        try {
            return List.of(NativeLibrary.getInstance(path).getFunction(SET_THREADS));
        } catch (LinkageError e) {
            return List.of();
        }
    }

    /** For products that begin from now on, in all threads. */
    static void setThreads(int threads) {
        SETTERS.forEach(setter -> setter.invokeVoid(new Object[] {threads}));
    }
}
