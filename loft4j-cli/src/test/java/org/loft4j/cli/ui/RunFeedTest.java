package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.Json;

class RunFeedTest {
    @TempDir
    Path directory;

    /** A run that takes five minutes for a line, taken up again after a thousand lines: three minutes of silence are no news. */
    @Test
    void theLinesBeforeAResumeAreNotOfThisProcess() throws IOException {
        RunFolder run = RunFolder.create(directory, 2000);
        Map<String, Object> about = new LinkedHashMap<>();
        about.put("total_steps", 2000);
        about.put("first_step", 1000);
        about.put("started", Instant.now().minus(Duration.ofMinutes(13)).toString());
        about.put("pid", ProcessHandle.current().pid());
        Json.write(directory.resolve("run.json"), about);
        run.train(1, 1000);
        run.train(1001, 1002);
        Files.setLastModifiedTime(
                directory.resolve("metrics.jsonl"), FileTime.from(Instant.now().minus(Duration.ofMinutes(3))));
        JsonNode described = new ObjectMapper()
                .readTree(new RunFeed(directory, "run", "run").poll().get(0).data());
        assertEquals("running", described.get("status").asText());
    }

    @Test
    void aFileIsParsedAgainWhenItHasChanged() throws IOException {
        Path file = directory.resolve("trainer_state.json");
        AtomicInteger times = new AtomicInteger();
        ParsedFile parsed = new ParsedFile(file, path -> {
            times.incrementAndGet();
            return TextNode.valueOf(Files.readString(path));
        });
        assertNull(parsed.tree());
        Files.writeString(file, "a");
        FileTime time = Files.getLastModifiedTime(file);
        assertEquals("a", parsed.tree().asText());
        assertEquals("a", parsed.tree().asText());
        assertEquals(1, times.get());
        Files.writeString(file, "bc");
        Files.setLastModifiedTime(file, time);
        assertEquals("bc", parsed.tree().asText(), "another size");
        Files.writeString(file, "de");
        Files.setLastModifiedTime(file, FileTime.from(time.toInstant().plusSeconds(1)));
        assertEquals("de", parsed.tree().asText(), "another time");
        assertEquals(3, times.get());
        Files.delete(file);
        assertNull(parsed.tree());
    }
}
