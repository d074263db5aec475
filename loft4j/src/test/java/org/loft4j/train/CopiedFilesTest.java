package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;

class CopiedFilesTest {
    @TempDir
    Path directory;

    /** As those of a tokenizer, before the first step. */
    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "links want a right there")
    void thePreparationOfImagesIsNoLinkToAnotherFile() throws IOException {
        Path file = directory.resolve("preprocessor_config.json");
        Path other = Files.writeString(directory.resolve("secret.json"), "{}");
        Path model = Files.createDirectories(directory.resolve("model"));
        Files.createSymbolicLink(model.resolve(file.getFileName()), other);
        assertThrows(CheckpointException.class, () -> CopiedFiles.in(model));
        Files.writeString(file, "{}");
        assertEquals(List.of(file.getFileName()), CopiedFiles.in(directory));
    }
}
