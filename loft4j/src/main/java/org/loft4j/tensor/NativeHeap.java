package org.loft4j.tensor;

import com.sun.jna.Function;
import com.sun.jna.Platform;
import java.util.ArrayList;
import java.util.List;

/**
 * The heap of the C library, which keeps freed memory for itself. Its settings are the whole process's, and this owns them: they
 * are a training's from {@link #layApart} on, and usual ones again once each {@link Training} is closed. All of it does nothing
 * but with glibc.
 */
public final class NativeHeap {
    private NativeHeap() {}

    /** What glibc's {@code malloc.h} calls M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD. */
    private static final int TRIM_THRESHOLD = -1;

    private static final int TOP_PAD = -2;
    private static final int MMAP_THRESHOLD = -3;

    private static final int NEVER = -1;

    /** As large as a heap of glibc's for a thread. */
    private static final int HEAP = 64 << 20;

    /** Its largest threshold, in bytes: a tensor of so many has pages of its own, which go back to the system when it is freed. */
    public static final int LARGEST_THRESHOLD = 32 << 20;

    /** glibc's own to begin with; it rises with what is freed, unless it is set. */
    private static final int SMALLEST_THRESHOLD = 128 << 10;

    /**
     * Tensors from here on are apart from a heap, most of whose free memory stays as long as anything lies above it; those of most
     * activations are smaller. What is free at the end of a heap goes from twice that on, as glibc has it.
     */
    private static final int USUAL_THRESHOLD = 4 << 20;

    private static final List<Training> OPEN = new ArrayList<>();

    /** What one training asks of the heap, until it is closed. */
    public static final class Training implements AutoCloseable {
        private boolean keeps;

        private Training() {}

        /**
         * Lets the C library keep what is freed until {@link #trim}. A training step frees all that it needs and asks for it again
         * in the next, and each page of it would be taken from the system anew.
         */
        public void keepFreed() {
            synchronized (OPEN) {
                keeps = true;
                NativeHeap.keepFreed();
            }
        }

        /** Gives freed memory back to the system, and from the last one that is open on it is given back as is usual. */
        @Override
        public void close() {
            synchronized (OPEN) {
                if (!OPEN.remove(this)) {
                    return;
                }
                if (OPEN.isEmpty()) {
                    set(TRIM_THRESHOLD, 2 * USUAL_THRESHOLD);
                    set(TOP_PAD, SMALLEST_THRESHOLD);
                    set(MMAP_THRESHOLD, USUAL_THRESHOLD);
                } else if (OPEN.stream().anyMatch(other -> other.keeps)) {
                    // it may have been laid apart for this one since
                    NativeHeap.keepFreed();
                }
            }
            trim();
        }
    }

    /**
     * Gives what is made from now on pages of its own, a tensor of 128 kB and more by itself, until {@link Training#keepFreed}: for
     * what stays as long as a run does. Among what comes and goes with each step it would cut the room for that in pieces.
     */
    public static Training layApart() {
        synchronized (OPEN) {
            Training training = new Training();
            OPEN.add(training);
            set(MMAP_THRESHOLD, SMALLEST_THRESHOLD);
            return training;
        }
    }

    private static void keepFreed() {
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

    /** Gives freed memory back to the system. */
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
     * stay with the process under {@link Training#keepFreed}; the step that follows takes its pages anew.
     *
     * @param steps taken so far
     */
    public static void trimNowAndThen(long steps) {
        if (Long.bitCount(steps) == 1) {
            trim();
        }
    }
}
