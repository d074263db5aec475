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
}
