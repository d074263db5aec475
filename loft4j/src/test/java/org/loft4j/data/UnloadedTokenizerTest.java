package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.model.Fixture;
import org.loft4j.train.ChildJvm;

/** Where the library of the tokenizers cannot be unpacked, no file is to blame. */
class UnloadedTokenizerTest {
    @TempDir
    Path folder;

    /** Opens a tokenizer, and tells what is said of it. */
    public static final class Opening {
        private Opening() {}

        public static void main(String[] args) {
            try (Tokenizer tokenizer = Tokenizer.open(Path.of(args[0]))) {
                System.out.print("opened");
            } catch (CheckpointException e) {
                System.out.print("of the file: " + e.getMessage());
            } catch (IOException e) {
                System.out.print(e.getMessage());
            }
        }
    }

    @Test
    void theDirectoryForItIsNamed() throws Exception {
        Path file = Files.writeString(folder.resolve("no directory"), "");
        Process process = ChildJvm.plain(
                Opening.class,
                folder.resolve("errors.txt"),
                List.of("-DDJL_CACHE_DIR=" + file.resolve("below")),
                Fixture.directory("bert_cls").resolveSibling("tiny_wordpiece").toString());
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), said);
        assertTrue(said.startsWith("the native library of the tokenizers cannot be loaded ("), said);
        assertTrue(said.contains("DJL_CACHE_DIR"), said);
        assertFalse(said.contains("tokenizer.json"), said);
    }
}
