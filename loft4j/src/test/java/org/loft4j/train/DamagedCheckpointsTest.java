package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;

/** What a disk does to files between two processes of a run. */
class DamagedCheckpointsTest {
    @TempDir
    Path directory;

    private static final TrainConfig CONFIG = TinyRun.config(Method.LOFT).build();

    private Path stoppedAt9() throws IOException {
        Path output = directory.resolve("stopped");
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, CONFIG, output, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() == 9) {
                        run.requestStop();
                    }
                }
            });
            run.run();
        }
        return output;
    }

    private static void flip(Path file, SplittableRandom random) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        Files.write(file, bytes);
    }

    @Test
    void aFlippedBitInAnyFileIsFoundAndTheRunEndsTheSame() throws IOException {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("DamagedCheckpointsTest: -Dtests.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Path output = stoppedAt9();
        Path newest = output.resolve("checkpoint-9");
        for (String file : List.of("adapter_model.safetensors", Trainable.OPTIMIZER, RunState.FILE, "loft_task.json")) {
            byte[] before = Files.readAllBytes(newest.resolve(file));
            flip(newest.resolve(file), random);
            String message = assertThrows(CheckpointException.class, () -> Checkpoints.verify(newest))
                    .getMessage();
            assertTrue(message.startsWith(newest.resolve(file) + ": has not the checksum"), message);
            Files.write(newest.resolve(file), before);
        }
        Checkpoints.verify(newest);
        flip(newest.resolve(Trainable.OPTIMIZER), random);
        TinyRun.train(CONFIG, output, OnExisting.RESUME);
        // the damaged one is kept: its weights may still be of use to someone
        assertTrue(Files.exists(output.resolve("checkpoint-9.set-aside-1/adapter_model.safetensors")));
        Path whole = directory.resolve("whole");
        TinyRun.train(CONFIG, whole, OnExisting.REFUSE);
        TrainingRunEndToEndTest.assertSameResult(Method.LOFT, whole, output, 24);
    }

    @Test
    void aRunWhoseCheckpointsAreAllDamagedIsNotStartedAnewUnasked() throws IOException {
        Path output = stoppedAt9();
        long metrics = Files.size(output.resolve("metrics.jsonl"));
        for (long step : new Checkpoints(output).steps()) {
            Files.writeString(output.resolve("checkpoint-" + step).resolve(RunState.FILE), "{}");
        }
        String message = assertThrows(CheckpointException.class, () -> TinyRun.train(CONFIG, output, OnExisting.RESUME))
                .getMessage();
        assertTrue(message.startsWith(output + ": none of its checkpoints is whole"), message);
        assertEquals(List.of(8L, 9L), new Checkpoints(output).steps());
        assertEquals(metrics, Files.size(output.resolve("metrics.jsonl")));
    }

    @Test
    void aRunThatCannotBeginDoesNotOverwriteTheOldOne() throws IOException {
        Path output = stoppedAt9();
        try (Model model = TinyRun.model()) {
            assertThrows(
                    ConfigException.class,
                    () -> TrainingRun.open(model, TinyRun.data(), CONFIG, null, output, OnExisting.OVERWRITE));
        }
        assertEquals(List.of(8L, 9L), new Checkpoints(output).steps());
    }
}
