package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A tiny language model, rows of prompts with answers, and the calls by which it is trained by rewards and judged by them. */
record RewardCalls(Path model, Path rows) {
    private static final ObjectMapper JSON = new ObjectMapper();

    static RewardCalls in(Path folder) throws IOException {
        Path model = Fixtures.copy("stories260K", folder.resolve("model"));
        Path rows = Files.writeString(
                folder.resolve("rows.csv"),
                "question,answer\n"
                        + IntStream.range(0, 8)
                                .mapToObj(i -> "Lily had " + i + " balls.," + i + "\n")
                                .collect(Collectors.joining()));
        return new RewardCalls(model, rows);
    }

    Captured train(Path output, Object... more) {
        List<Object> call = new ArrayList<>(List.of("train", "--model", model, "--data", rows));
        call.addAll(List.of("--prompt-column", "question", "--output", output, "--method", "lora", "--rank", "1"));
        call.addAll(List.of("--num-generations", "4", "--max-completion-length", "8", "--batch-size", "2"));
        call.addAll(List.of(more));
        return Captured.loft(call.stream().map(Object::toString).toArray(String[]::new));
    }

    Captured eval(Object... more) {
        List<Object> call = new ArrayList<>(List.of("--prompt-column", "question"));
        call.addAll(List.of(more));
        return evalOf(call.toArray());
    }

    Captured evalOf(Object... more) {
        List<Object> call = new ArrayList<>(List.of("eval", "--model", model, "--data", rows));
        call.addAll(List.of(more));
        return Captured.loft(call.stream().map(Object::toString).toArray(String[]::new));
    }

    static JsonNode json(Captured call) throws IOException {
        assertEquals(0, call.status(), call.err());
        return JSON.readTree(call.out());
    }

    static String program(String how) {
        return program(how, "out to lunch");
    }

    static String program(String how, String more) {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        Path classes = Path.of("target", "test-classes").toAbsolutePath();
        return "command:'" + java + "' -Xmx64m -cp '" + classes + "' " + RewardProgram.class.getName() + " " + how
                + " '" + more + "'";
    }

    static void assertRefused(String message, Captured call) {
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains(message), call.err());
    }
}
