package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** A small model, rows that it learns, and comparisons of them. */
record CompareCalls(Path model, Path rows) {
    private static final int STEPS = 6;

    static CompareCalls in(Path folder) throws IOException {
        return new CompareCalls(
                TinyModels.encoder(folder.resolve("model")), TinyModels.colours(folder.resolve("rows.csv"), 40));
    }

    /** Full fine-tuning, LoFT and LoRA at two ranks, two rates, two seeds of which one sweeps: 3 + 6 + 6 runs. */
    String[] call(Path output, String... more) {
        List<String> call = new ArrayList<>(
                List.of("--methods", "loft,lora,full", "--ranks", "1,2", "--learning-rates", "1e-3,1e-2"));
        call.addAll(Arrays.asList(more));
        return callOf(output, call);
    }

    String[] callOf(Path output, List<String> compared) {
        List<String> call = new ArrayList<>(List.of("compare", "--model", model.toString()));
        for (String option : new String[] {"--data", "--eval-data", "--test-data"}) {
            call.addAll(List.of(option, rows.toString()));
        }
        call.addAll(List.of("--seeds", "0,1", "--max-steps", String.valueOf(STEPS), "--eval-steps", "3"));
        call.addAll(List.of("--output", output.toString()));
        call.addAll(compared);
        return call.toArray(String[]::new);
    }

    static JsonNode summary(String... call) throws IOException {
        List<String> json = new ArrayList<>(Arrays.asList(call));
        json.add("--json");
        Captured captured = Captured.loft(json.toArray(String[]::new));
        assertEquals(0, captured.status(), captured.err());
        return new ObjectMapper().readTree(captured.out());
    }

    /** When each finished run was finished. */
    static Map<String, FileTime> finished(Path output) throws IOException {
        Map<String, FileTime> times = new TreeMap<>();
        if (Files.isDirectory(output.resolve("runs"))) {
            try (Stream<Path> runs = Files.list(output.resolve("runs"))) {
                for (Path run : runs.toList()) {
                    Path result = run.resolve("result.json");
                    if (Files.exists(result)) {
                        times.put(run.getFileName().toString(), Files.getLastModifiedTime(result));
                    }
                }
            }
        }
        return times;
    }
}
