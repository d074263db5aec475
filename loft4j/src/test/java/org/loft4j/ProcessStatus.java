package org.loft4j;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What Linux tells of this process. */
public final class ProcessStatus {
    private ProcessStatus() {}

    /** Bytes of a field of {@code /proc/self/status}, such as {@code VmRSS:}. */
    public static long bytes(String field) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith(field))
                .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }
}
