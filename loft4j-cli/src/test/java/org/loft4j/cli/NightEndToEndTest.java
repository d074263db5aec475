package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What the command line says of a run that does not come to its end. */
class NightEndToEndTest {
    @TempDir
    Path directory;

    private Path model;
    private Path data;
    private Path run;

    @BeforeEach
    void prepare() throws IOException {
        model = TinyModels.encoder(directory.resolve("model"));
        data = TinyModels.colours(directory.resolve("data.csv"), 64);
        run = directory.resolve("run");
    }

    private String[] train(String... more) {
        List<String> args = new ArrayList<>(List.of("train", "--model", model.toString()));
        args.addAll(List.of("--data", data.toString(), "--output", run.toString(), "--batch-size", "8"));
        args.addAll(Arrays.asList(more));
        return args.toArray(String[]::new);
    }

    /** A process of its own, to be sent a signal after its first checkpoint. */
    private Process start(String... more) throws IOException {
        return start(List.of(), more);
    }

    /** @param before words of the command before that of Java */
    private Process start(List<String> before, String... more) throws IOException {
        List<String> command = new ArrayList<>(before);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-Xmx512m", "-XX:TieredStopAtLevel=1"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Loft.class.getName()));
        command.addAll(List.of(train(more)));
        return new ProcessBuilder(command).redirectErrorStream(true).start();
    }

    private String endOf(Process process, int status) throws Exception {
        StringBuilder said = new StringBuilder();
        try (BufferedReader lines = process.inputReader()) {
            lines.lines().forEach(line -> said.append(line).append('\n'));
        }
        assertTrue(process.waitFor(120, TimeUnit.SECONDS));
        assertEquals(status, process.exitValue(), said.toString());
        return said.toString();
    }

    private void awaitFile(Path file, Process process) throws InterruptedException {
        while (!Files.exists(file)) {
            assertTrue(process.isAlive(), "it ended by itself");
            Thread.sleep(10);
        }
    }

    @Test
    void aPoliteKillFinishesTheStepAndSaves() throws Exception {
        Process process = start("--max-steps", "100000", "--save-steps", "5");
        awaitFile(run.resolve("checkpoint-5"), process);
        process.toHandle().destroy();
        String said = endOf(process, 130);
        assertTrue(said.contains("finishing the step, then saving"), said);
        assertTrue(said.contains("to go on: "), said);
    }

    /** The system and the shell both send the signal. */
    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "it has no such signal")
    void aTerminalThatEndsFinishesTheStepAndSaves() throws Exception {
        assumeFalse(
                IgnoredSignals.hangUp(),
                "what starts these tests ignores the signal, and so do their processes (nohup)");
        Process process = start("--max-steps", "100000", "--save-steps", "5");
        awaitFile(run.resolve("checkpoint-5"), process);
        hangUp(process);
        hangUp(process);
        String said = endOf(process, 130);
        assertTrue(said.contains("finishing the step, then saving"), said);
        assertTrue(said.contains("to go on: "), said);
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "it has no such signal")
    void aRunThatIgnoresTheEndOfTheTerminalGoesOn() throws Exception {
        Process process = start(
                List.of("/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "sh"),
                "--max-steps",
                "200",
                "--epochs",
                "100",
                "--save-steps",
                "5");
        awaitFile(run.resolve("checkpoint-5"), process);
        hangUp(process);
        endOf(process, 0);
    }

    private static void hangUp(Process process) throws Exception {
        Process kill = new ProcessBuilder("kill", "-HUP", String.valueOf(process.pid())).start();
        assertEquals(0, kill.waitFor(), "the process had ended");
    }

    @Test
    void whereJavaLeavesSignalsToTheSystemARunIsARun() throws Exception {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> command = new ArrayList<>(List.of(java, "-Xrs", "-Xmx512m", "-cp"));
        command.addAll(List.of(System.getProperty("java.class.path"), Loft.class.getName()));
        command.addAll(List.of(train("--max-steps", "2")));
        endOf(new ProcessBuilder(command).redirectErrorStream(true).start(), 0);
    }

    @Test
    void aStepThatTakesLongerThanTheDeadlineLeavesTheLastCheckpoint() throws Exception {
        // a step of twenty thousand rows, and one second to finish it
        TinyModels.colours(data, 20_000);
        Process process = start("--max-steps", "3", "--accumulate", "32768", "--epochs", "1", "--stop-deadline", "1");
        awaitFile(run.resolve("metrics.jsonl"), process);
        Thread.sleep(200);
        long start = System.nanoTime();
        process.toHandle().destroy();
        String said = endOf(process, 130);
        assertTrue(said.contains("was not finished and saved within 1 s (--stop-deadline)"), said);
        assertTrue(said.contains("nothing had been saved yet"), said);
        assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(60), "it waited for the step");
    }

    @Test
    void aDeadlineMustNotBeNegative() {
        Captured call = Captured.loft(train("--stop-deadline", "-1"));
        assertEquals(2, call.status());
        assertTrue(call.err().contains("stop_deadline must be at least 0, got -1"), call.err());
        call = Captured.loft(train("--divergence-factor", "0.5"));
        assertTrue(call.err().contains("divergence_factor must be greater than 1, or 0"), call.err());
    }

    @Test
    void aBaseModelThatChangesUnderTheRunIsToldOfAtItsEnd() throws Exception {
        Process process = start("--max-steps", "200", "--epochs", "100", "--save-steps", "5");
        awaitFile(run.resolve("checkpoint-5"), process);
        Files.writeString(model.resolve("config.json"), "\n", StandardOpenOption.APPEND);
        assertFalse(Files.exists(run.resolve("adapter_model.safetensors")), "the run had ended");
        String said = endOf(process, 0);
        assertTrue(said.contains("has changed under the run: config.json"), said);
        assertTrue(Files.exists(run.resolve("adapter_model.safetensors")));
    }

    @Test
    void anotherPoolingOrOtherNamesOfTheClassesAreNotResumedOn() throws IOException {
        assertEquals(
                0, Captured.loft(train("--max-steps", "2", "--pooling", "mean")).status());
        Captured pooled = Captured.loft(train("--max-steps", "2", "--pooling", "cls", "--resume"));
        assertEquals(2, pooled.status());
        assertTrue(pooled.err().contains("pooling was mean and is now cls;"), pooled.err());
        // the rows are the same, and so are the numbers of their classes
        Files.writeString(data, Files.readString(data).replace(",red\n", ",rose\n"));
        Captured named = Captured.loft(train("--max-steps", "2", "--pooling", "mean", "--resume"));
        assertEquals(2, named.status());
        assertTrue(named.err().contains("labels were blue, red and are now blue, rose;"), named.err());
        // a run of an earlier version says neither, and goes on
        Path state = run.resolve("trainer_state.json");
        Files.writeString(state, Files.readString(state).replaceAll("\"(pooling|labels|max_length)\": [^\n]*,\n", ""));
        Captured older = Captured.loft(train("--max-steps", "2", "--pooling", "mean", "--resume"));
        assertEquals(0, older.status(), older.err());
    }

    @Test
    void anotherBaseModelUnderTheSameNameIsNotResumedOn() throws IOException {
        assertEquals(
                0, Captured.loft(train("--max-steps", "4", "--save-steps", "2")).status());
        // as if the process had been killed just before its end
        Files.delete(run.resolve("trainer_state.json"));
        Path weights = model.resolve("model.safetensors");
        try (RandomAccessFile file = new RandomAccessFile(weights.toFile(), "rw")) {
            file.seek(file.length() - 3);
            int before = file.read();
            file.seek(file.length() - 3);
            file.write(before ^ 1);
        }
        Captured call =
                Captured.loft("train", "--config", run.resolve("config.yaml").toString(), "--resume");
        assertEquals(2, call.status(), call.err());
        assertTrue(call.err().contains("base_model was config.json "), call.err());
        assertTrue(Files.exists(run.resolve("checkpoint-4")));
        assertFalse(Files.exists(run.resolve("trainer_state.json")));
    }
}
