package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoCommandTest {
    @TempDir
    Path directory;

    /** An epoch that there cannot be ends the call in any case, before anything is fetched. */
    @Test
    void aRunThatIsNoneOfTheDemosIsLeftAlone() throws IOException {
        Path mine = Files.createDirectory(directory.resolve("lora"));
        Files.writeString(mine.resolve("config.yaml"), "method: lora\n");
        Captured both = Captured.loft("demo", "--epochs", "0", "--output", directory.toString());
        assertEquals(2, both.status());
        assertTrue(
                both.err().contains(mine + " holds a run of loft train, which the demo would overwrite"), both.err());
        Captured other = Captured.loft("demo", "--epochs", "0", "--methods", "loft", "--output", directory.toString());
        assertEquals(2, other.status());
        assertTrue(!other.err().contains("holds a run"), other.err());
    }
}
