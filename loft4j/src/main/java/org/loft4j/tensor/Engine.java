package org.loft4j.tensor;

import com.sun.jna.Function;
import com.sun.jna.Platform;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/**
 * Starts libtorch once, with the settings that it needs to be fast. OpenBLAS' threads and libgomp's spinning workers fight
 * for the same cores unless waiting is passive, and libgomp reads its environment only when it is loaded: so the variable
 * is set here, before the first native class is touched, unless the user has set it.
 */
public final class Engine {
    private static final System.Logger LOG = System.getLogger(Engine.class.getName());

    static {
        if (System.getenv("OMP_WAIT_POLICY") == null && Platform.isLinux()) {
            try {
                Function.getFunction("c", "setenv").invokeInt(new Object[] {"OMP_WAIT_POLICY", "passive", 0});
            } catch (UnsatisfiedLinkError e) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "set OMP_WAIT_POLICY=passive in the environment: training is up to twice as slow without it");
            }
        }
        Loader.load(torch.class);
        String threads = System.getProperty("loft.threads", System.getenv("OMP_NUM_THREADS"));
        if (threads != null && threads.matches("[1-9][0-9]{0,3}")) {
            torch.set_num_threads(Integer.parseInt(threads));
        }
        // the same number before and after the first lanes: sums are rounded by how they are shared out
        Blas.setThreads(torch.get_num_threads());
    }

    private Engine() {}

    /** Loads the natives. Calling it again does nothing. */
    public static void start() {}

    /** Number of threads that one operation may use. */
    public static int threads() {
        return torch.get_num_threads();
    }

    /** Whether a CUDA device can be used by this process. */
    public static boolean cudaAvailable() {
        return torch.cuda_is_available();
    }
}
