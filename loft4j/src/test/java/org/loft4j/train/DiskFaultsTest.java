package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;

/**
 * A disk that is full and one that is read-only: real ones, small file systems in memory in a namespace of their own. Where the
 * system allows nobody to make one, {@link RunSaverTest} has a failure that stands for them.
 */
class DiskFaultsTest {
    private static final TrainConfig CONFIG =
            TinyRun.config(Method.LOFT).saveSteps(1).saveTotalLimit(0).build();

    @TempDir
    Path directory;

    /** Runs on a file system of this size, with what the shell does first, and gives what the process said. */
    private String onDiskOf(String size, String first, String... arguments) throws Exception {
        Path disk = Files.createDirectories(directory.resolve("disk"));
        Path errors = directory.resolve("child.log");
        String mount = "mount -t tmpfs -o size=" + size + " none '" + disk + "' && " + first;
        assumeTrue(exit(new ProcessBuilder("unshare", "-Urm", "sh", "-c", mount)) == 0, "no namespaces here");
        List<String> command = new ArrayList<>(List.of("unshare", "-Urm", "sh", "-c", mount + " && exec \"$@\"", "sh"));
        command.addAll(ChildJvm.command(DiskFaultsTest.class, List.of("-Xmx512m"), arguments));
        Process process = ChildJvm.start(command, errors);
        String said = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        assertTrue(process.waitFor(300, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), () -> said + read(errors));
        return said;
    }

    private static int exit(ProcessBuilder builder) throws InterruptedException {
        try {
            return builder.redirectErrorStream(true).start().waitFor();
        } catch (IOException e) {
            return -1;
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** The processes: {@code full DISK WHOLE}, {@code readonly DISK}, {@code logs DISK}, {@code line DISK} or {@code result DISK}. */
    public static void main(String[] arguments) throws Exception {
        Path disk = Path.of(arguments[1]);
        if (arguments[0].equals("readonly")) {
            String message = assertThrows(
                            ConfigException.class, () -> TinyRun.train(CONFIG, disk.resolve("run"), OnExisting.REFUSE))
                    .getMessage();
            System.out.println(message);
            return;
        }
        if (arguments[0].equals("line")) {
            TinyRun.model().close();
            String self = String.valueOf(ProcessHandle.current().pid());
            if (exit(new ProcessBuilder("prlimit", "--pid", self, "--fsize=32768")) != 0) {
                System.out.println("no limits here");
                return;
            }
            IOException fault =
                    assertThrows(IOException.class, () -> TinyRun.train(LINES, disk.resolve("run"), OnExisting.REFUSE));
            System.out.println(fault.getMessage());
            return;
        }
        if (arguments[0].equals("logs")) {
            fillBetweenSaves(disk);
            return;
        }
        if (arguments[0].equals("result")) {
            fillAtTheEnd(disk, 0);
            fillAtTheEnd(disk, 8192);
            return;
        }
        Path output = disk.resolve("run");
        Path ballast = disk.resolve("ballast");
        Files.write(ballast, new byte[2_600_000]);
        List<Long> saved = new ArrayList<>();
        TrainListener listener = new TrainListener() {
            @Override
            public void onSave(long step, Path checkpoint) {
                saved.add(step);
            }
        };
        IOException fault = assertThrows(
                CheckpointException.class, () -> TinyRun.train(CONFIG, output, OnExisting.REFUSE, listener));
        System.out.println(fault.getMessage());
        // all that was said to be saved is there and whole, and nothing half-written is
        Checkpoints checkpoints = new Checkpoints(output);
        assertEquals(saved, checkpoints.steps());
        for (long step : saved) {
            Checkpoints.verify(checkpoints.path(step));
        }
        try (var entries = Files.list(output)) {
            assertTrue(entries.noneMatch(path -> path.toString().endsWith(".tmp")));
        }
        Files.delete(ballast);
        TrainResult end = TinyRun.train(CONFIG, output, OnExisting.RESUME);
        assertEquals(TrainResult.Outcome.FINISHED, end.outcome());
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, Path.of(arguments[2]), output, 24);
        System.out.println("after " + saved.size() + " checkpoints");
    }

    @Test
    void aFullDiskEndsTheRunAndWithRoomItGoesOnToTheSameEnd() throws Exception {
        Path whole = directory.resolve("whole");
        TinyRun.train(CONFIG, whole, OnExisting.REFUSE);
        String disk = directory.resolve("disk").toString();
        String said = onDiskOf("3m", "true", "full", disk, whole.toString());
        assertTrue(said.contains("No space left on device"), said);
        assertTrue(said.contains("is complete and stays. Make room"), said);
        assertFalse(said.contains("after 0 checkpoints"), said);
    }

    private static void fill(Path ballast) {
        try (OutputStream out = Files.newOutputStream(ballast)) {
            while (true) {
                out.write(new byte[4096]);
            }
        } catch (IOException e) {
            // that was all the room there was
        }
    }

    /** After the last save, but for some bytes. */
    private static void fillAtTheEnd(Path disk, long left) throws IOException {
        Path ballast = disk.resolve("ballast");
        Path run = disk.resolve("run" + left);
        TrainConfig config = TinyRun.config(Method.LORA).saveSteps(100).build();
        TrainListener full = new TrainListener() {
            @Override
            public void onEnd() {
                fill(ballast);
                try (FileChannel room = FileChannel.open(ballast, StandardOpenOption.WRITE)) {
                    room.truncate(room.size() - left);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        };
        IOException fault = assertThrows(IOException.class, () -> TinyRun.train(config, run, OnExisting.REFUSE, full));
        System.out.println(fault.getMessage());
        Files.delete(ballast);
        System.out.println(TinyRun.train(config, run, OnExisting.RESUME).outcome());
    }

    private static void fillBetweenSaves(Path disk) throws IOException {
        Path ballast = disk.resolve("ballast");
        TrainConfig config = TinyRun.config(Method.LORA)
                .epochs(20)
                .loggingSteps(1)
                .evalSteps(1000)
                .saveSteps(40)
                .build();
        TrainListener full = new TrainListener() {
            @Override
            public void onSave(long step, Path checkpoint) {
                fill(ballast);
            }
        };
        IOException fault = assertThrows(
                IOException.class, () -> TinyRun.train(config, disk.resolve("run"), OnExisting.REFUSE, full));
        System.out.println(fault.getMessage());
        Files.delete(ballast);
        System.out.println(
                TinyRun.train(config, disk.resolve("run"), OnExisting.RESUME).outcome());
    }

    /** It said "No space left on device", and no more. */
    @Test
    void aLogThatCannotBeWrittenSaysWhichAndWhatStays() throws Exception {
        Path disk = directory.resolve("disk");
        List<String> said =
                onDiskOf("3m", "true", "logs", disk.toString()).lines().toList();
        String run = disk.resolve("run").toString();
        assertTrue(
                said.get(0)
                        .matches(Pattern.quote(run)
                                + "/(\\w+\\.jsonl|runs/\\S+): cannot be written: No space left on device; "
                                + Pattern.quote(run) + "/checkpoint-[0-9]+ is complete and stays\\. Make room, .*"),
                said.toString());
        assertEquals("FINISHED", said.get(1));
    }

    private static final TrainConfig LINES = TinyRun.config(Method.LORA)
            .epochs(20)
            .diagnosticsSteps(1)
            .loggingSteps(20)
            .evalSteps(1)
            .loadBestAtEnd(false)
            .saveSteps(1000)
            .build();

    /** One file becomes larger than files may be here, and there is room for a checkpoint. An evaluation is due after the step. */
    @Test
    void theStepsBeforeALineThatCannotBeWrittenAreSaved() throws Exception {
        Path run = directory.resolve("run");
        String said = ChildJvm.said(DiskFaultsTest.class, directory, "line", directory.toString());
        assumeTrue(!said.equals("no limits here"), said);
        List<Long> saved = new Checkpoints(run).steps();
        assertEquals(1, saved.size(), said);
        assertTrue(
                said.startsWith(run.resolve(RunOutput.DIAGNOSTICS) + ": cannot be written: ")
                        && said.contains(
                                run.resolve("checkpoint-" + saved.get(0)) + " is complete and stays. Make room"),
                said);
        List<String> looks = Files.readAllLines(run.resolve(RunOutput.DIAGNOSTICS));
        assertTrue(looks.get(looks.size() - 2).startsWith("{\"step\":" + (saved.get(0) - 1) + ","), looks.toString());
        TinyRun.train(LINES, run, OnExisting.RESUME);
        Path whole = directory.resolve("whole");
        TinyRun.train(LINES, whole, OnExisting.REFUSE);
        for (String file : List.of("adapter_model.safetensors", "checkpoint-80/optimizer.safetensors")) {
            assertEquals(TinyRun.bits(whole.resolve(file)), TinyRun.bits(run.resolve(file)), file);
        }
        assertEquals(TrainingRunEndToEndTest.timeless(whole), TrainingRunEndToEndTest.timeless(run));
    }

    @Test
    void aResultThatCannotBeWrittenSaysWhichFileAndWhatStays() throws Exception {
        Path disk = directory.resolve("disk");
        List<String> said =
                onDiskOf("3m", "true", "result", disk.toString()).lines().toList();
        for (int i = 0; i < 2; i++) {
            Path run = disk.resolve(i == 0 ? "run0" : "run8192");
            assertEquals(
                    run.resolve(i == 0 ? RunAbout.FILE : "adapter_model.safetensors") + ": No space left on device; "
                            + run.resolve("checkpoint-24")
                            + " is complete and stays. Make room, or mend the directory, and resume",
                    said.get(2 * i));
            assertEquals("FINISHED", said.get(2 * i + 1));
        }
    }

    @Test
    void aReadOnlyDiskIsRefusedAtTheStart() throws Exception {
        Path disk = directory.resolve("disk");
        String said = onDiskOf("2m", "mount -o remount,ro '" + disk + "'", "readonly", disk.toString());
        assertTrue(said.startsWith("output_dir " + disk + "/run cannot be written to ("), said);
        assertTrue(said.contains("Read-only file system"), said);
    }

    @Test
    void aDirectoryThatTurnsReadOnlyUnderTheRunEndsItAndLosesNothing() throws Exception {
        Path output = directory.resolve("run");
        String dir = output.toString();
        TrainListener lock = new TrainListener() {
            @Override
            public void onSave(long step, Path checkpoint) {
                if (step == 4) {
                    output.toFile().setWritable(false);
                    if (Files.isWritable(output)) {
                        // root may write anywhere but here
                        try {
                            assumeTrue(exit(new ProcessBuilder("chattr", "+i", dir)) == 0, "nothing stops root here");
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                    }
                }
            }
        };
        String message;
        try {
            message = assertThrows(
                            CheckpointException.class, () -> TinyRun.train(CONFIG, output, OnExisting.REFUSE, lock))
                    .getMessage();
        } finally {
            exit(new ProcessBuilder("chattr", "-i", dir));
            output.toFile().setWritable(true);
        }
        assertTrue(message.contains("cannot be written: "), message);
        assertTrue(message.contains("is complete and stays"), message);
        assertEquals(
                TrainResult.Outcome.FINISHED,
                TinyRun.train(CONFIG, output, OnExisting.RESUME).outcome());
        Path whole = directory.resolve("whole");
        TinyRun.train(CONFIG, whole, OnExisting.REFUSE);
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, output, 24);
    }
}
