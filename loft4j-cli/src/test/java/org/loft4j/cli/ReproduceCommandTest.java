package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReproduceCommandTest {
    @TempDir
    Path directory;

    @Test
    void itPrintsWhatItWrites() throws IOException {
        Path output = directory.resolve("out");
        Captured call = Captured.loft(
                "reproduce",
                "full-rank",
                "--seeds",
                "4,9",
                "--max-steps",
                "3",
                "--json",
                "--output",
                output.toString());
        assertEquals(0, call.status(), call.err());
        ObjectMapper json = new ObjectMapper();
        JsonNode printed = json.readTree(call.out());
        assertEquals(printed, json.readTree(output.resolve("full-rank.json").toFile()));
        assertEquals("full-rank", printed.get("experiment").asText());
        assertTrue(printed.get("max_relative_deviation").asDouble() <= 1e-10, call.out());
        assertEquals("[4,9]", printed.at("/settings/seeds").toString());
        assertEquals(3, printed.at("/settings/steps").asInt());
        for (String key : new String[] {"cpu", "cores", "threads", "java", "libtorch", "blas_kernels", "commit"}) {
            assertTrue(printed.get("machine").has(key), key);
        }
        assertTrue(call.err().contains("LoFT-AdamW, decay 0.1"), call.err());
        assertEquals(
                "\u0089PNG",
                Files.readString(output.resolve("full-rank.png"), java.nio.charset.StandardCharsets.ISO_8859_1)
                        .substring(0, 4));
        assertTrue(Files.readString(output.resolve("full-rank.html")).contains("data:image/png;base64,"));
    }

    @Test
    void allThatIsWrongIsSaidBeforeAnythingIsWritten() {
        Path output = directory.resolve("out");
        Captured call = Captured.loft(
                "reproduce", "full-rnak", "--max-steps", "-1", "--learning-rate", "0", "--output", output.toString());
        assertEquals(2, call.status());
        assertTrue(call.err().contains("the experiments are full-rank, matrix-factorization"), call.err());
        assertTrue(call.err().contains("there is no full-rnak"), call.err());
        assertTrue(call.err().contains("max_steps must be at least 0, got -1"), call.err());
        assertTrue(call.err().contains("learning_rate must be greater than 0 and finite, got 0.0"), call.err());
        assertFalse(Files.exists(output));
    }

    /** Else its numbers would be taken for those of another rank. */
    @Test
    void whatAnExperimentMakesNothingOfIsRefused() throws IOException {
        Path output = directory.resolve("out");
        Captured call = Captured.loft(
                "reproduce",
                "matrix-factorization",
                "--max-steps",
                "1",
                "--ranks",
                "4",
                "--methods",
                "dora",
                "--pooling",
                "mean",
                "--output",
                output.toString());
        assertEquals(2, call.status());
        assertTrue(
                call.err()
                        .contains(
                                "reproduce matrix-factorization makes nothing of --methods, --ranks, --pooling: leave"),
                call.err());
        Captured memory = Captured.loft("reproduce", "memory", "--seeds", "1", "--learning-rate", "1e-3");
        assertEquals(2, memory.status());
        assertTrue(memory.err().contains("reproduce memory makes nothing of --seeds, --learning-rate"), memory.err());
        Captured demo = Captured.loft("reproduce", "rank", "--max-length", "128", "--output", output.toString());
        assertEquals(2, demo.status());
        assertTrue(demo.err().contains("--max-length is of a task of one's own"), demo.err());
        assertFalse(Files.exists(output));
        // a file of settings serves several experiments
        Path settings = Files.writeString(directory.resolve("config.yaml"), "ranks: [4]\nmax_steps: 1\n");
        Captured file =
                Captured.loft("reproduce", "full-rank", "--config", settings.toString(), "--output", output.toString());
        assertEquals(0, file.status(), file.err());
    }
}
