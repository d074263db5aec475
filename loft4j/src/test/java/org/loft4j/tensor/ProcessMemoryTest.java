package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class ProcessMemoryTest {
    private static final int MAPPED = 96 << 20;

    /** libtorch's libraries are such pages, and no small part of a process. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void pagesOfFilesAreResidentToo(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("pages");
        Files.write(file, new byte[MAPPED]);
        try (FileChannel channel = FileChannel.open(file)) {
            long before = ProcessMemory.resident();
            MappedByteBuffer pages =
                    channel.map(FileChannel.MapMode.READ_ONLY, 0, MAPPED).load();
            long grown = ProcessMemory.resident() - before;
            assertTrue(grown > MAPPED / 2, () -> pages.capacity() + " bytes were mapped, and " + grown + " counted");
        }
    }
}
