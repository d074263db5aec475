package org.loft4j.tensor;

import com.sun.jna.Function;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.util.stream.Stream;
import org.loft4j.ProcessStatus;

/** What glibc's heap does with large pieces of memory. Each is told once in a process, for it leaves room for the next. */
public final class HeapProbe {
    public static final int COUNT = 128;

    private static final int MEGABYTE = 1 << 20;

    /** The bit of a piece that has pages of its own, in the word before it. */
    private static final long IS_MMAPPED = 2;

    private HeapProbe() {}

    private static Pointer[] pieces(int count, int size) {
        Function malloc = Function.getFunction("c", "malloc");
        return Stream.generate(() -> malloc.invokePointer(new Object[] {(long) size}))
                .limit(count)
                .toArray(Pointer[]::new);
    }

    private static void free(Pointer[] pieces) {
        Function free = Function.getFunction("c", "free");
        for (Pointer piece : pieces) {
            free.invokeVoid(new Object[] {piece});
        }
    }

    /** How many of pieces of 1 MB have pages of their own, apart from the heap. */
    public static int laidApart() {
        Pointer[] pieces = pieces(COUNT, MEGABYTE);
        int apart = 0;
        for (Pointer piece : pieces) {
            apart += (piece.getLong(-Long.BYTES) & IS_MMAPPED) != 0 ? 1 : 0;
        }
        free(pieces);
        return apart;
    }

    /** The share that stays with the process of pieces of 8 MB that are freed. */
    public static double kept() throws IOException {
        int size = 8 * MEGABYTE;
        long before = ProcessStatus.bytes("VmRSS:");
        Pointer[] pieces = pieces(COUNT / 8, size);
        for (Pointer piece : pieces) {
            piece.setMemory(0, size, (byte) 1);
        }
        free(pieces);
        return (ProcessStatus.bytes("VmRSS:") - before) / ((double) COUNT * MEGABYTE);
    }
}
