package org.loft4j.cli;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Native code that cannot be loaded, mostly since a library of the system that it needs is not there. */
final class MissingLibrary {
    /** As Linux says it. */
    private static final Pattern NAMED = Pattern.compile("([^\\s:/]+): cannot open shared object file");

    /** Of CUDA, and of what NVIDIA has beside it. */
    private static final Pattern OF_CUDA = Pattern.compile("lib(cu|nv|nccl).*");

    private MissingLibrary() {}

    /** What is missing and what to do, in a line; null for another fault. */
    static @Nullable String explain(Throwable fault) {
        String said = null;
        String library = null;
        for (Throwable t = fault; t != null; t = t.getCause()) {
            String message = String.valueOf(t.getMessage());
            // a class whose natives were looked for in vain is refused from then on, and the refusal quotes the fault
            if (t instanceof UnsatisfiedLinkError || message.contains(UnsatisfiedLinkError.class.getName())) {
                said = message.lines().findFirst().orElse("");
                Matcher named = NAMED.matcher(message);
                library = named.find() ? named.group(1) : library;
            }
        }
        if (library == null) {
            return said == null ? null : "native code cannot be loaded: " + said;
        }
        return library + " is missing, without which "
                + (OF_CUDA.matcher(library).matches()
                        ? "libtorch for NVIDIA GPUs cannot be loaded: install it (cuBLAS, cuDNN 9, cuSOLVER, cuSPARSE and NCCL for"
                                + " CUDA 13 come from the machine, and so does NVIDIA's driver), or start with LOFT_CUDA=0 ./loft,"
                                + " which takes libtorch for the processor"
                        : "native code cannot be loaded: install it");
    }
}
