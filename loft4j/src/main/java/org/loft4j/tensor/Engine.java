package org.loft4j.tensor;

import com.sun.jna.Function;
import com.sun.jna.Platform;
import java.util.Locale;
import java.util.Optional;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/**
 * Starts libtorch once, with the settings that it needs to be fast. OpenBLAS' threads and libgomp's spinning workers fight
 * for the same cores unless waiting is passive, and libgomp reads its environment only when it is loaded: so the variable
 * is set here, before the first native class is touched, unless the user has set it. So is the limit that JavaCPP would put on
 * the size of the process, four times the largest heap, and which it reads when it is loaded: weights lie outside the heap.
 */
public final class Engine {
    private static final System.Logger LOG = System.getLogger(Engine.class.getName());

    /** JavaCPP's property for the largest size of the process, in bytes; 0 for none. */
    private static final String SIZE_LIMIT = "org.bytedeco.javacpp.maxPhysicalBytes";

    private static volatile int threads;

    static {
        if (System.getProperty(SIZE_LIMIT) == null && System.getProperty(SIZE_LIMIT.toLowerCase(Locale.ROOT)) == null) {
            System.setProperty(SIZE_LIMIT, "0");
        }
        if (System.getenv("OMP_WAIT_POLICY") == null && Platform.isLinux()) {
            try {
                Function.getFunction("c", "setenv").invokeInt(new Object[] {"OMP_WAIT_POLICY", "passive", 0});
            } catch (LinkageError e) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "set OMP_WAIT_POLICY=passive in the environment: training is up to twice as slow without it");
            }
        }
        load();
        String asked = System.getProperty("loft.threads", System.getenv("OMP_NUM_THREADS"));
        boolean given = asked != null && asked.matches("[1-9][0-9]{0,3}");
        // Java knows what a container may take of the processor, libtorch does not
        int most = Runtime.getRuntime().availableProcessors();
        setThreads(given ? Integer.parseInt(asked) : Math.min(torch.get_num_threads(), most));
        Lanes.begin(Math.min(threads, most));
    }

    private Engine() {}

    private static void load() {
        try {
            Loader.load(torch.class);
        } catch (ExceptionInInitializerError e) {
            if (e.getCause() instanceof IllegalCallerException) {
                throw new LinkageError(
                        "libtorch cannot be loaded, for Java is told to load no native code: start it with"
                                + " --enable-native-access=ALL-UNNAMED, or with the names of modules that docs/library.md lists",
                        e.getCause());
            }
            throw e;
        }
    }

    /** Loads the natives. Calling it again does nothing. */
    public static void start() {}

    /**
     * Number of threads that the calling thread may share work out to; one inside a lane. A thread whose first operation came while
     * {@link Lanes} were at work, or another was {@link Lanes#alone}, has taken over the one thread that these have: it is given as
     * many as all others here.
     */
    public static int threads() {
        int beforeAlone = Lanes.threadsBeforeAlone();
        if (beforeAlone > 0) {
            return beforeAlone;
        }
        if (!Lanes.inside() && torch.get_num_threads() == 1 && threads > 1) {
            torch.set_num_threads(threads);
        }
        return torch.get_num_threads();
    }

    /**
     * Lets one operation use so many threads from now on: libtorch's, of the calling thread and of those that come after it, and
     * OpenBLAS', which are the whole process's. Left apart, the one wait for the other on the same cores.
     */
    static void setThreads(int wanted) {
        threads = wanted;
        torch.set_num_threads(wanted);
        Blas.setThreads(wanted);
    }

    /**
     * The kind of processor for which OpenBLAS, which computes float32 and float64 products on the processor, has chosen its
     * kernels, such as {@code Haswell} (AVX2) or {@code Cooperlake} (AVX-512): its own choice, or that of
     * {@code OPENBLAS_CORETYPE}. Empty where another library does.
     */
    public static Optional<String> blasKernels() {
        return Blas.kernels();
    }

    /**
     * Whether OpenBLAS' kernels come with small ones, for AVX-512, that multiply operands of up to a million multiplications where they
     * lie. They do not take a turned left operand in Fortran's order with a right one as it is stored, but for 1,200 results.
     */
    public static boolean hasSmallKernels() {
        return Blas.haveSmallKernels();
    }

    /** CUDA devices that this process can use. */
    static int cudaDevices() {
        return torch.cuda_device_count();
    }
}
