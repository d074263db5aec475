package org.loft4j.cli.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ThinnedLinesTest {
    private static final int MOST = 1000;

    @Test
    void fewAreAllThere() {
        List<JsonNode> lines = lines(MOST);
        ThinnedLines thinned = new ThinnedLines(MOST);
        lines.forEach(thinned::add);
        assertEquals(lines, thinned.lines());
    }

    /** Whoever looks at a part of a curve sees all that it reaches. */
    @Test
    void ofManyThePeaksAreThere() {
        int part = 4096;
        List<JsonNode> lines = lines(16 * part);
        ThinnedLines thinned = new ThinnedLines(MOST);
        lines.forEach(thinned::add);
        List<JsonNode> kept = thinned.lines();
        assertEquals(16 * part, thinned.count());
        assertTrue(kept.size() <= MOST && kept.size() > MOST / 4, kept.size() + " lines");
        for (int i = 0; i < 16; i++) {
            int from = i * part;
            List<JsonNode> of = kept.stream()
                    .filter(line -> line.get("step").asInt() / part == from / part)
                    .toList();
            for (String key : List.of("step", "loss", "norm")) {
                assertEquals(range(lines.subList(from, from + part), key), range(of, key), key + " from " + from);
            }
        }
        assertEquals(
                kept,
                kept.stream()
                        .sorted((a, b) -> a.get("step").asInt() - b.get("step").asInt())
                        .toList());
    }

    private static List<JsonNode> lines(int count) {
        Random random = new Random(1);
        List<JsonNode> lines = new ArrayList<>();
        for (int step = 0; step < count; step++) {
            ObjectNode line = JsonNodeFactory.instance.objectNode();
            lines.add(line.put("step", step).put("loss", random.nextGaussian()).put("norm", random.nextGaussian()));
        }
        return lines;
    }

    private static String range(List<JsonNode> lines, String key) {
        double least = lines.stream()
                .mapToDouble(line -> line.get(key).asDouble())
                .min()
                .orElseThrow();
        return least + " to "
                + lines.stream()
                        .mapToDouble(line -> line.get(key).asDouble())
                        .max()
                        .orElseThrow();
    }
}
