package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportPageTest {
    @TempDir
    Path directory;

    @Test
    void everythingIsInTheFileAndNothingInItEndsItsScript() throws IOException {
        RunFolder run = RunFolder.create(directory.resolve("a<b"), 5000);
        run.train(1, 4500);
        run.evaluate(4500, 0.5);
        run.append("samples.jsonl", "{\"step\":1,\"prompt\":\"p\",\"text\":\"</script><script>alert(1)</script>\"}\n");
        String html = Files.readString(ReportPage.write(run.directory()));
        assertTrue(html.contains("<title>loft: a&lt;b</title>"));
        assertFalse(html.contains("alert(1)</script>"));
        assertFalse(Pattern.compile("(src|href)=\"(?!data:)").matcher(html).find(), "refers to another file");
        assertTrue(html.contains("uPlot, MIT license: "), "the license of what is copied in");
        Matcher data =
                Pattern.compile("id=\"events\">(.*?)</script>", Pattern.DOTALL).matcher(html);
        assertTrue(data.find());
        JsonNode events = new ObjectMapper().readTree(data.group(1));
        int lines = 0;
        for (JsonNode event : events) {
            if (event.get(0).asText().equals("lines")) {
                lines += event.get(1).get("lines").size();
            }
        }
        assertEquals(4502, lines);
    }
}
