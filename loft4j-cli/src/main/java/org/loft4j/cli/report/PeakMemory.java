package org.loft4j.cli.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.stream.Stream;

/** The largest resident size of this process since a moment, which Linux keeps; elsewhere there is none. */
public final class PeakMemory {
    private static final Path STATUS = Path.of("/proc/self/status");
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
        return read("VmRSS:");
    }

    /** Bytes of the largest resident size since {@link #reset}. */
    public static OptionalLong peak() {
        return Files.isWritable(CLEAR) ? read("VmHWM:") : OptionalLong.empty();
    }

    private static OptionalLong read(String field) {
        if (!Files.isReadable(STATUS)) {
            return OptionalLong.empty();
        }
        try (Stream<String> lines = Files.lines(STATUS)) {
            return lines.filter(line -> line.startsWith(field))
                    .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
                    .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }
}
