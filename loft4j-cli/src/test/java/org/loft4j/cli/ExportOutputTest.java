package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where {@code loft export} writes to. */
class ExportOutputTest {
    @TempDir
    Path folder;

    /** The file of the model is read while that of the export is made. */
    @Test
    void whatItReadsIsNotReplaced() throws IOException {
        Path model = Fixtures.copy("llama_gqa", folder.resolve("model"));
        Path adapter = Fixtures.copy("llama_gqa/adapter", folder.resolve("adapter"));
        for (Path source : List.of(
                model.resolve("model.safetensors"),
                model.resolve("config.json"),
                adapter.resolve("adapter_model.safetensors"))) {
            byte[] before = Files.readAllBytes(source);
            for (String[] more : new String[][] {
                {"--adapter", adapter.toString()}, {"--adapter", adapter.toString(), "--adapter-only"}
            }) {
                Captured refused = export(model, source, more);
                assertEquals(2, refused.status(), refused.err());
                assertTrue(
                        refused.err()
                                .contains("--output " + source
                                        + " is a file of the model or of its adapter: choose another"),
                        refused.err());
            }
            assertArrayEquals(before, Files.readAllBytes(source));
        }
        Captured alone = export(model, model.resolve("config.json"));
        assertTrue(alone.err().contains("is a file of the model or of its adapter"), alone.err());
    }

    private static Captured export(Path model, Path output, String... more) {
        List<String> call = new ArrayList<>(List.of("export", "--to", "gguf", "--overwrite"));
        call.addAll(List.of("--model", model.toString(), "--output", output.toString()));
        call.addAll(List.of(more));
        return Captured.loft(call.toArray(String[]::new));
    }
}
