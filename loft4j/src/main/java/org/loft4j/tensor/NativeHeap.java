package org.loft4j.tensor;

import com.sun.jna.Function;
import com.sun.jna.Platform;

/** The heap of the C library, which keeps freed memory for itself. */
public final class NativeHeap {
    private NativeHeap() {}

    /** Gives freed memory back to the system where the C library can be told to (glibc); else does nothing. */
    public static void trim() {
        if (Platform.isLinux()) {
            try {
                Function.getFunction("c", "malloc_trim").invokeInt(new Object[] {0L});
            } catch (UnsatisfiedLinkError e) {
                // another C library than glibc
            }
        }
    }
}
