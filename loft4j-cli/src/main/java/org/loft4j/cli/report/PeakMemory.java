package org.loft4j.cli.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import org.loft4j.tensor.ProcessMemory;

/** The largest resident size of this process since a moment, which Linux keeps; elsewhere there is none. */
public final class PeakMemory {
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    private PeakMemory() {}

    /** Begins anew: the peak is the size as it is now. */
    public static void reset() {
        try {
            // proc(5): writing 5 resets the peak resident set size
            Files.writeString(CLEAR, "5");
        } catch (IOException e) {
            // no such file, or no right to write it: then the peak is not known
        }
    }

    /** Bytes of the resident size now. */
    public static OptionalLong now() {
        return ProcessMemory.ofLinux("VmRSS");
    }

    /** Bytes of the largest resident size since {@link #reset}. */
    public static OptionalLong peak() {
        return Files.isWritable(CLEAR) ? ProcessMemory.ofLinux("VmHWM") : OptionalLong.empty();
    }
}
