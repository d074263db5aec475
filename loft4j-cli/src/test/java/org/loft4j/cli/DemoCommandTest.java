package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoCommandTest {
    @TempDir
    Path directory;

    @Test
    void helpNamesTheDefaults() {
        Captured call = Captured.loft("demo", "--help");
        assertEquals(0, call.status());
        assertTrue(call.out().contains("--quick"), call.out());
        assertTrue(call.out().contains("Default: loft,lora."), call.out());
        assertTrue(call.out().contains("Default: loft-demo."), call.out());
    }

    @Test
    void allThatIsWrongIsSaidBeforeAnythingIsFetchedOrWritten() {
        Path output = directory.resolve("out");
        Captured call = Captured.loft(
                "demo", "--methods", "loft,magic", "--rank", "0", "--epochs", "0", "--output", output.toString());
        assertEquals(2, call.status());
        assertTrue(call.err().contains("method must be one of loft, "), call.err());
        assertTrue(call.err().contains(", full, got magic"), call.err());
        assertTrue(call.err().contains("rank must be at least 1, got 0"), call.err());
        assertTrue(call.err().contains("epochs must be at least 1, got 0"), call.err());
        assertFalse(Files.exists(output));
    }
}
