package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TrainingRunEndToEndTest {
    @TempDir
    Path directory;

    private static List<JsonNode> metrics(Path output) throws IOException {
        ObjectMapper mapper = new ObjectMapper();
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(output.resolve("metrics.jsonl"))) {
            lines.add(mapper.readTree(line));
        }
        return lines;
    }

    /** The metrics without what the clock says. */
    static List<String> timeless(Path output) throws IOException {
        List<String> lines = new ArrayList<>();
        for (JsonNode line : metrics(output)) {
            com.fasterxml.jackson.databind.node.ObjectNode entry = line.deepCopy();
            entry.remove(List.of("tokens_per_second", "memory_bytes", "seconds", "eval_seconds"));
            lines.add(entry.toString());
        }
        return lines;
    }

    private static Set<String> names(Path output) throws IOException {
        try (Stream<Path> entries = Files.list(output)) {
            return new TreeSet<>(
                    entries.map(path -> path.getFileName().toString()).toList());
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void theLossFalls(Method method) throws IOException {
        TrainConfig config =
                TinyRun.config(method).epochs(15).saveSteps(60).evalSteps(20).build();
        TrainResult result = TinyRun.train(config, directory, OnExisting.REFUSE);
        assertEquals(TrainResult.Outcome.FINISHED, result.outcome());
        List<JsonNode> lines = metrics(directory);
        double first = lines.get(0).get("loss").asDouble();
        double last = result.lastEvaluation().get("loss");
        assertTrue(last < 0.6 * first, method + ": from " + first + " to " + last);
    }
}
