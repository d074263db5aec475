package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DryRunEndToEndTest {
    @TempDir
    Path directory;

    private Path model;
    private Path data;
    private Path output;

    @BeforeEach
    void modelAndRows() throws IOException {
        model = TinyModels.encoder(directory.resolve("model"));
        data = TinyModels.colours(directory.resolve("rows.csv"), 48);
        output = directory.resolve("run");
    }

    private Captured train(String... more) {
        List<String> args =
                List.of("train", "--model", model.toString(), "--data", data.toString(), "--output", output.toString());
        return Captured.loft(Stream.concat(args.stream(), Stream.of(more)).toArray(String[]::new));
    }

    @Test
    void aDryRunTellsWhatTheRunWillBeAndWritesNothing() throws IOException {
        List<String> before = listing();
        Captured dry = train("--dry-run", "--json", "--epochs", "2", "--accumulate", "2", "--eval-share", "0.2");
        assertEquals(0, dry.status(), dry.err());
        assertEquals(before, listing());
        JsonNode told = new ObjectMapper().readTree(dry.out());
        assertEquals(48, told.path("rows").asInt() + told.path("eval_rows").asInt());
        long steps = (told.path("rows").asInt() + 7) / 8;
        assertEquals((steps + 1) / 2, told.path("steps_per_epoch").asLong());
        assertEquals(2 * ((steps + 1) / 2), told.path("total_steps").asLong());
        assertTrue(told.path("padded_tokens_per_epoch").asLong()
                >= told.path("tokens_per_epoch").asLong());
        assertTrue(told.path("seconds").asDouble() > 0);
        assertTrue(told.at("/memory_parts/activations").asLong() > 0);
        // each row has a text, a label, tokens, and the objects around them
        long rows = told.at("/memory_parts/rows").asLong();
        assertTrue(rows > 48 * 100 && rows < 48 * 500, "" + rows);
        assertFalse(told.path("output_exists").asBoolean(true));
        assertFalse(told.path("output_holds_run").asBoolean(true));
        Captured run = train("--epochs", "2", "--accumulate", "2", "--eval-share", "0.2");
        assertEquals(0, run.status(), run.err());
        assertTrue(
                run.err()
                        .contains("loft: "
                                + Quantities.count(
                                        told.path("trained_parameters").asLong()) + " of "
                                + Quantities.count(told.path("parameters").asLong()) + " parameters"),
                run.err());
        String rest = ", " + told.path("rows").asInt() + " rows and "
                + told.path("eval_rows").asInt() + " held out, "
                + told.path("total_steps").asLong() + " steps on";
        assertTrue(run.err().contains(rest), run.err());
        told = new ObjectMapper().readTree(train("--dry-run", "--json").out());
        assertTrue(told.path("output_holds_run").asBoolean());
    }

    /** What a run would refuse, a dry run refuses too. */
    @Test
    void settingsThatDoNotFitAreRefused() {
        Captured dry = train("--dry-run", "--warmup-steps", "100000");
        assertEquals(2, dry.status(), dry.err());
        assertTrue(dry.err().contains("warmup_steps must not pass the"), dry.err());
    }

    /** A run that is begun there is not refused. */
    @Test
    void settingsAloneAreNoRun() throws IOException {
        Files.createDirectory(output);
        Files.writeString(output.resolve("config.yaml"), "method: loft\n");
        Captured dry = train("--dry-run");
        assertTrue(dry.out().contains(output + " exists; nothing was written"), dry.out() + dry.err());
        JsonNode told = new ObjectMapper().readTree(train("--dry-run", "--json").out());
        assertTrue(told.path("output_exists").asBoolean());
        assertFalse(told.path("output_holds_run").asBoolean(true));
    }

    @Test
    void forPeopleItIsAFewLines() {
        Captured dry = train("--dry-run", "--method", "full");
        assertEquals(0, dry.status(), dry.err());
        assertEquals(
                List.of("rows", "tokens", "steps", "trained", "memory", "time", "output"),
                dry.out().lines().map(line -> line.split(" ")[0]).toList());
        assertTrue(dry.out().contains("nothing was written"), dry.out());
        assertFalse(Files.exists(output));
    }

    @Test
    void aRunThatNeedsMoreThanItMayIsRefusedWithWhatWouldHelp() {
        Captured run = train("--max-memory", "100MB");
        assertEquals(2, run.status(), run.err());
        assertTrue(run.err().contains("max_memory is 100.0 MB, and this run needs about 38"), run.err());
        assertTrue(run.err().contains("program 380.0 MB"), run.err());
        assertTrue(run.err().contains("try --gradient-checkpointing (→ 38"), run.err());
        assertTrue(run.err().contains("--batch-size 1 --accumulate 8 (→ 38"), run.err());
        assertFalse(Files.exists(output));
        assertEquals(2, train("--max-memory", "much").status());
        assertEquals(0, train("--max-memory", "1GB", "--max-steps", "1").status());
    }

    /** Several batches to a step have gradients of their own to keep, and a batch of other rows has another longest. */
    @ParameterizedTest
    @ValueSource(strings = {"full", "lora", "loft"})
    void whatASmallerBatchWouldNeedIsWhatItIsReckonedAt(String method) {
        model = Fixtures.of("stories260K");
        String refused = train("--method", method, "--max-memory", "100MB").err();
        Matcher advice = Pattern.compile(
                        "--batch-size (\\d+) --accumulate (\\d+)(?: --eval-batch-size (\\d+))? \\(→ ([\\d.]+ MB)")
                .matcher(refused);
        assertTrue(advice.find(), refused);
        List<String> call = new ArrayList<>(List.of("--dry-run", "--method", method));
        call.addAll(List.of("--batch-size", advice.group(1), "--accumulate", advice.group(2)));
        if (advice.group(3) != null) {
            call.addAll(List.of("--eval-batch-size", advice.group(3)));
        }
        String told = train(call.toArray(String[]::new)).out();
        assertTrue(
                told.lines().anyMatch(line -> line.startsWith("memory") && line.contains(advice.group(4))),
                told + refused);
    }

    /** Of rows that are streamed a batch is reckoned with as large as it may be. */
    @Test
    void aRunThatNeedsMoreThanTheMachineHasIsWarnedOfAndBegins() throws IOException {
        Captured run = train("--streaming", "--batch-size", "100000000", "--max-steps", "1");
        assertEquals(0, run.status(), run.err());
        assertTrue(run.err().contains("loft: the machine has "), run.err());
        assertTrue(run.err().contains("\ntry --gradient-checkpointing (→ "), run.err());
        Captured small = train("--max-steps", "1", "--overwrite");
        assertFalse(small.err().contains("the machine has"), small.err());
        List<String> before = listing();
        Captured never = train("--rank", "1000000", "--overwrite");
        assertEquals(2, never.status(), never.err());
        assertTrue(never.err().contains("the adapter and its optimizer alone need "), never.err());
        assertEquals(before, listing());
    }

    private List<String> listing() throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.map(Path::toString).sorted().toList();
        }
    }
}
