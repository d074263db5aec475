package org.loft4j.tensor;

import com.sun.jna.Function;
import com.sun.jna.Platform;

/** The heap of the C library, which keeps freed memory for itself. */
public final class NativeHeap {
    private NativeHeap() {}

    /** What glibc's {@code malloc.h} calls M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD. */
    private static final int TRIM_THRESHOLD = -1;

    private static final int TOP_PAD = -2;
    private static final int MMAP_THRESHOLD = -3;

    private static final int NEVER = -1;

    /** As large as a heap of glibc's for a thread, and as its largest threshold. */
    private static final int HEAP = 64 << 20;

    private static final int LARGEST_THRESHOLD = 32 << 20;

    /** glibc's own to begin with; it rises with what is freed, unless it is set. */
    private static final int SMALLEST_THRESHOLD = 128 << 10;

    /**
     * Gives what is made from now on pages of its own, a tensor of 128 kB and more by itself, until {@link #keepFreed}: for what
     * stays as long as a run does. Among what comes and goes with each step it would cut the room for that in pieces. Does nothing
     * but with glibc.
     */
    public static void layApart() {
        set(MMAP_THRESHOLD, SMALLEST_THRESHOLD);
    }

    /**
     * Lets the C library keep what is freed until {@link #trim}, where it can be told to (glibc); else does nothing. A training
     * step frees all that it needs and asks for it again in the next, and each page of it would be taken from the system anew.
     */
    public static void keepFreed() {
        set(MMAP_THRESHOLD, LARGEST_THRESHOLD);
        set(TRIM_THRESHOLD, NEVER);
        set(TOP_PAD, HEAP);
    }

    private static void set(int parameter, int value) {
        if (Platform.isLinux()) {
            try {
                Function.getFunction("c", "mallopt").invokeInt(new Object[] {parameter, value});
            } catch (UnsatisfiedLinkError e) {
                // another C library than glibc
            }
        }
    }

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

    /**
     * Trims after 1, 2, 4, 8 … steps of a run. No two of them lay out their memory alike, and what only an earlier one needed would
     * stay with the process under {@link #keepFreed}; the step that follows takes its pages anew.
     *
     * @param steps taken so far
     */
    public static void trimNowAndThen(long steps) {
        if (Long.bitCount(steps) == 1) {
            trim();
        }
    }
}
