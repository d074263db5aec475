package org.loft4j.tensor;

import org.bytedeco.pytorch.global.torch;

/** Random numbers that can be repeated: every stream is a function of one seed and what it is for. */
public final class Seeds {
    private Seeds() {}

    /** Seeds libtorch's generators (dropout, initialisation). */
    public static void manualSeed(long seed) {
        Engine.start();
        torch.manual_seed(seed);
    }

    /** A seed for one purpose at one position, so that a resumed run draws the same numbers (SplitMix64's mixer). */
    public static long derive(long seed, String purpose, long position) {
        long z = seed ^ (purpose.hashCode() * 0x9E3779B97F4A7C15L) ^ (position * 0xD1B54A32D192ED03L);
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
