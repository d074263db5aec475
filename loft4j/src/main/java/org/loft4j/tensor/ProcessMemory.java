package org.loft4j.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;

/** What the system says of the memory of this process. */
public final class ProcessMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ProcessMemory() {}

    /**
     * Bytes of resident memory now, those of files among them, libtorch's libraries say; where the system is not Linux, what
     * JavaCPP counts there.
     */
    public static long resident() {
        return ofLinux("VmRSS").orElseGet(Pointer::physicalBytes);
    }

    /**
     * A size that Linux tells, in bytes; none elsewhere.
     *
     * @param field its name in proc(5)'s {@code status}: {@code VmRSS}, or {@code VmHWM} for the largest
     */
    public static OptionalLong ofLinux(String field) {
        if (!Files.isReadable(STATUS)) {
            return OptionalLong.empty();
        }
        try (Stream<String> lines = Files.lines(STATUS)) {
            return lines.filter(line -> line.startsWith(field + ":"))
                    .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
                    .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }
}
