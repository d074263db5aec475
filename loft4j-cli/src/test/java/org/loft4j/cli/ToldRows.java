package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What {@code eval --predictions} has written. */
final class ToldRows {
    private ToldRows() {}

    /**
     * The lines of the file.
     *
     * @param judged what the same call printed, whose loss is the mean of theirs
     * @param weight by which a row counts; null where all count alike
     */
    static List<JsonNode> of(Path file, JsonNode judged, String weight) throws IOException {
        List<JsonNode> rows = new ArrayList<>();
        double sum = 0;
        double count = 0;
        double most = Double.NEGATIVE_INFINITY;
        for (String line : Files.readAllLines(file)) {
            JsonNode row = new ObjectMapper().readTree(line);
            rows.add(row);
            double own = weight == null
                    ? 1
                    : row.get(weight).isArray()
                            ? row.get(weight).size()
                            : row.get(weight).asDouble();
            sum += own * row.get("loss").asDouble();
            count += own;
            most = Math.max(most, row.get("loss").asDouble());
        }
        assertEquals(judged.get("rows").asInt(), rows.size());
        double mean = judged.get("loss").asDouble();
        assertEquals(mean, sum / count, 1e-5 * Math.max(1, Math.abs(mean)));
        assertEquals(most, judged.at("/greatest_loss/0/loss").asDouble());
        assertEquals(Math.min(10, rows.size()), judged.get("greatest_loss").size());
        return rows;
    }
}
