package org.loft4j.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Pairs of texts with numbers, how much alike they are, and calls that learn them. */
record RegressionCalls(Path folder) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** The numbers are 0.5, 1.5, 2.5 and 3.5. */
    Path rows(String name) throws IOException {
        StringBuilder csv = new StringBuilder("sentence1,sentence2,score\n");
        for (int i = 0; i < 48; i++) {
            int same = i % 4;
            csv.append("red red red,")
                    .append("red ".repeat(same))
                    .append("blue ".repeat(3 - same))
                    .append("ball ")
                    .append(i)
                    .append(',')
                    .append(same + 0.5)
                    .append('\n');
        }
        return Files.writeString(folder.resolve(name), csv);
    }

    static String[] with(List<String> first, String... more) {
        return Stream.concat(first.stream(), Stream.of(more)).toArray(String[]::new);
    }

    static List<String> columns(Path rows) {
        return List.of(
                "--data",
                rows.toString(),
                "--text-column",
                "sentence1",
                "--text-pair-column",
                "sentence2",
                "--label-column",
                "score");
    }

    Captured train(String model, Path rows, String... more) {
        List<String> call = Stream.concat(
                        Stream.of("train", "--model", model, "--problem-type", "regression"),
                        Stream.concat(
                                columns(rows).stream(),
                                Stream.of("--rank", "4", "--batch-size", "8", "--output", run().toString())))
                .toList();
        boolean named = List.of(more).contains("--method");
        return Captured.loft(with(named ? call : List.of(with(call, "--method", "lora")), more));
    }

    Path run() {
        return folder.resolve("run");
    }

    static JsonNode json(Path file) throws IOException {
        return JSON.readTree(file.toFile());
    }
}
