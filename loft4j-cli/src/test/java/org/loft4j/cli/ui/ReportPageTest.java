package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.Json;

class ReportPageTest {
    @TempDir
    Path directory;

    @Test
    void everythingIsInTheFileAndNothingInItEndsItsScript() throws IOException {
        RunFolder run = RunFolder.create(directory.resolve("a<b"), 5000);
        run.train(1, 4500);
        run.evaluate(4500, 0.5);
        run.append("samples.jsonl", "{\"step\":1,\"prompt\":\"p\",\"text\":\"</script><script>alert(1)</script>\"}\n");
        run.append(
                "completions.jsonl",
                "{\"step\":1,\"eval\":false,\"prompt\":\"p\",\"completion\":\"</script><script>alert(2)</script>\",\"reward\":1.0}\n");
        String html = Files.readString(ReportPage.write(run.directory()));
        assertTrue(html.contains("<title>loft: a&lt;b</title>"));
        assertFalse(html.contains("alert(1)</script>") || html.contains("alert(2)</script>"));
        assertTrue(html.contains("alert(2)"), "what the model has answered");
        assertFalse(Pattern.compile("(src|href)=\"(?!data:)").matcher(html).find(), "refers to another file");
        assertTrue(html.contains("uPlot, MIT license: "), "the license of what is copied in");
        int lines = 0;
        for (JsonNode event : events(html)) {
            if (event.get(0).asText().equals("lines")) {
                lines += event.get(1).get("lines").size();
            }
        }
        assertEquals(4503, lines);
    }

    private static JsonNode events(String html) throws IOException {
        Matcher data =
                Pattern.compile("id=\"events\">(.*?)</script>", Pattern.DOTALL).matcher(html);
        assertTrue(data.find());
        return new ObjectMapper().readTree(data.group(1));
    }

    @Test
    void ofAVeryLongRunTheReportHasWhatCurvesNeed() throws IOException {
        RunFolder run = RunFolder.create(directory, 100_000);
        run.train(1, 30_001);
        run.append("metrics.jsonl", "{\"step\":30002,\"loss\":777.0}\n{\"step\":30003,\"loss\":null}\n");
        for (int step = 30_004; step < 31_000; step++) {
            run.evaluate(step, 0.5);
        }
        run.train(31_001, 60_000);
        JsonNode metrics = null;
        for (JsonNode event : events(Files.readString(ReportPage.write(directory)))) {
            metrics = event.get(1).path("file").asText().equals("metrics") ? event.get(1) : metrics;
        }
        assertEquals(59_003, metrics.get("of").asInt());
        int kept = metrics.get("kept").asInt();
        assertTrue(kept <= ReportEvents.LINES && kept > ReportEvents.LINES / 4, kept + " lines");
        assertEquals(kept + 996, metrics.get("lines").size(), "all evaluations");
        assertEquals(1, metrics.get("lines").get(0).get("step").asInt());
        assertEquals(60_000, metrics.get("lines").get(kept - 1).get("step").asInt());
        String lines = metrics.get("lines").toString();
        assertTrue(lines.contains("{\"step\":30002,\"loss\":777.0}"), "a peak");
        assertTrue(lines.contains("{\"step\":30003,\"loss\":null}"), "a loss that is no number");
    }

    @Test
    void aTitleIsNoPlaceForTheHead() throws IOException {
        RunFolder run = RunFolder.create(directory.resolve("a {{head}} b"), 10);
        run.train(1, 2);
        run.append("samples.jsonl", "{\"step\":1,\"prompt\":\"p\",\"text\":\"{{title}}$1\"}\n");
        String html = Files.readString(ReportPage.write(run.directory()));
        assertTrue(html.contains("<title>loft: a {{head}} b</title>"));
        assertTrue(html.contains("\"{{title}}$1\""), "a text of the data");
    }

    @Test
    void aReportTellsNothingOfTheMachine() throws IOException {
        for (String folder : List.of("one", "two")) {
            RunFolder run = RunFolder.create(directory.resolve(folder + "/run"), 100);
            run.train(1, 10);
            Json.write(
                    run.directory().resolve("run.json"),
                    Map.of(
                            "total_steps", 100,
                            "started", "2026-01-01T00:00:00Z",
                            "host", "somebodys-machine",
                            "pid", 4711,
                            "process_started", "2026-01-01T00:00:00Z",
                            "process_mark", "somebodys-boot 4712"));
            Files.writeString(
                    run.directory().resolve("config.yaml"),
                    "method: loft\noutput_dir: " + run.directory().toAbsolutePath() + "\n");
        }
        String html = ReportPage.html("two", List.of(directory.resolve("one/run"), directory.resolve("two/run")));
        assertTrue(html.contains("\"total_steps\":100"));
        for (String told :
                List.of(directory.toString(), "somebodys-machine", "4711", "process_started", "somebodys-boot")) {
            assertFalse(html.contains(told), told);
        }
        assertTrue(html.contains("\"method\":\"loft\""), "the other settings");
        assertTrue(html.contains("\"id\":\"run\"") && html.contains("\"id\":\"run 2\""), "two of one name");
    }
}
