package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.Logged;
import org.loft4j.data.Batch;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeScope;

class RunSaverTest {
    private static final TrainConfig CONFIG =
            TinyRun.config(Method.LOFT).saveTotalLimit(1).build();
    private static final List<Batch> BATCHES =
            List.of(Batch.collate(TinyRun.counting(8, 3), new int[] {0, 1, 2, 3}, 0));

    private static final RunSaver.Needed NONE = new RunSaver.Needed(0, 0);

    @TempDir
    Path directory;

    private final List<Long> reported = new ArrayList<>();
    private final List<Thread> reporters = new ArrayList<>();
    private Model model;
    private Trainable trainable;
    private Trainer trainer;

    @BeforeEach
    void aRun() {
        model = TinyRun.model();
        trainable = Trainable.create(model, TinyRun.lora(), CONFIG);
        trainer = new Trainer(model, trainable, CONFIG, 100);
        trainer.step(BATCHES, 0);
    }

    @AfterEach
    void close() {
        trainable.close();
        model.close();
    }

    private RunSaver saver(TrainConfig config, RunSaver.Before before) {
        return new RunSaver(
                new Checkpoints(directory),
                trainable,
                TaskFile.of(model, 16, null)::write,
                config,
                null,
                before,
                (step, path) -> {
                    assertEquals(directory.resolve("checkpoint-" + step), path);
                    reported.add(step);
                    reporters.add(Thread.currentThread());
                });
    }

    private Map<String, String> bits(String file, Path at) throws IOException {
        return TinyRun.bits(at.resolve(file));
    }

    @Test
    void trainingGoesOnWhileACheckpointIsWritten() throws Exception {
        Path direct = Files.createDirectories(directory.resolve("direct"));
        trainable.save(direct);
        trainable.saveOptimizer(direct);
        CountDownLatch slow = new CountDownLatch(1);
        try (RunSaver saver = saver(CONFIG, () -> pass(slow))) {
            saver.save(1, Map.of("step", 1), NONE);
            for (int step = 1; step <= 3; step++) {
                saver.poll();
                trainer.step(BATCHES, step);
            }
            assertEquals(List.of(), reported);
            assertNull(saver.newest());
            assertFalse(Files.exists(directory.resolve("checkpoint-1")));
            slow.countDown();
            saver.await();
            assertEquals(List.of(1L), reported);
            assertSame(Thread.currentThread(), reporters.get(0));
            assertEquals(directory.resolve("checkpoint-1"), saver.newest());
        }
        // it holds the weights of its step, not those of the steps that were taken meanwhile
        Path saved = directory.resolve("checkpoint-1");
        for (String file : List.of("adapter_model.safetensors", Trainable.OPTIMIZER)) {
            assertEquals(bits(file, direct), bits(file, saved), file);
        }
        trainable.save(direct);
        assertNotEquals(bits("adapter_model.safetensors", direct), bits("adapter_model.safetensors", saved));
    }

    private static void pass(CountDownLatch latch) throws IOException {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    @Test
    void oneIsWrittenAtATimeAndNothingStaysInMemory() throws IOException {
        AtomicInteger active = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        long before = NativeScope.liveObjects();
        try (RunSaver saver = saver(CONFIG, () -> most.accumulateAndGet(active.incrementAndGet(), Math::max))) {
            for (long step = 1; step <= 6; step++) {
                saver.save(step, Map.of(), new RunSaver.Needed(2, 0));
                active.decrementAndGet();
            }
        }
        assertTrue(most.get() <= 1, "writes at once: " + most);
        assertEquals(List.of(1L, 2L, 3L, 4L, 5L), reported);
        assertEquals(List.of(2L, 6L), new Checkpoints(directory).steps());
        // what earlier classes left may be collected meanwhile
        assertTrue(NativeScope.liveObjects() <= before, NativeScope.liveObjects() + " objects, before " + before);
    }

    @Test
    void theLastFromBeforeATroubleStays() throws IOException {
        try (RunSaver saver = saver(CONFIG, () -> {})) {
            for (long step = 1; step <= 9; step++) {
                saver.save(step, Map.of(), new RunSaver.Needed(2, Math.min(step, 6)));
            }
        }
        assertEquals(List.of(2L, 6L, 9L), new Checkpoints(directory).steps());
    }

    @Test
    void aFailureIsThrownAtTheTrainingThreadAndTheOlderOnesStay() throws Exception {
        IOException full = new IOException("No space left on device");
        AtomicInteger calls = new AtomicInteger();
        try (RunSaver saver = saver(CONFIG, () -> {
            if (calls.incrementAndGet() == 2) {
                throw full;
            }
        })) {
            saver.save(4, Map.of(), NONE);
            saver.save(8, Map.of(), NONE);
            IOException fault = assertThrows(CheckpointException.class, () -> {
                while (true) {
                    saver.poll();
                    Thread.sleep(1);
                }
            });
            assertSame(full, fault.getCause());
            assertEquals(
                    directory.resolve("checkpoint-8") + ": cannot be written: No space left on device; "
                            + directory.resolve("checkpoint-4")
                            + " is complete and stays. Make room, or mend the directory, and resume",
                    fault.getMessage());
        }
        assertEquals(directory.resolve("checkpoint-4"), new Checkpoints(directory).newest());
    }

    @Test
    void aRunThatEndsInTroubleWaitsForItsCheckpoint() throws Exception {
        CountDownLatch slow = new CountDownLatch(1);
        assertThrows(IllegalStateException.class, () -> {
            try (RunSaver saver = saver(CONFIG, () -> pass(slow))) {
                saver.save(1, Map.of(), NONE);
                new Thread(() -> {
                            try {
                                Thread.sleep(100);
                            } catch (InterruptedException e) {
                                throw new IllegalStateException(e);
                            }
                            slow.countDown();
                        })
                        .start();
                throw new IllegalStateException("trouble");
            }
        });
        assertEquals(directory.resolve("checkpoint-1"), new Checkpoints(directory).newest());
    }

    @Test
    void aFileThatEndsTheRunIsToldWithTheCheckpointOnItsWay() throws IOException {
        try (RunSaver saver = saver(CONFIG, () -> LockSupport.parkNanos(100_000_000))) {
            saver.save(1, Map.of(), NONE);
            assertNull(saver.newest());
            assertEquals(
                    "full; " + directory.resolve("checkpoint-1")
                            + " is complete and stays. Make room, or mend the directory, and resume",
                    saver.explained(new IOException("full")).getMessage());
            // its own message is the name alone
            String denied =
                    saver.explained(new AccessDeniedException("run.json")).getMessage();
            assertTrue(denied.startsWith("run.json: access denied; "), denied);
        }
    }

    @Test
    void withoutTheBackgroundItIsThereAtOnce() throws IOException {
        TrainConfig config = TinyRun.config(Method.LOFT).saveInBackground(false).build();
        try (RunSaver saver =
                saver(config, () -> assertEquals("main", Thread.currentThread().getName()))) {
            saver.save(1, Map.of(), NONE);
            assertEquals(List.of(1L), reported);
        }
        Checkpoints.verify(directory.resolve("checkpoint-1"));
    }

    /** As files of a network's disk that another program has open. */
    @Test
    void anOldCheckpointThatCannotBeRemovedEndsNoRun() throws Exception {
        Path first = directory.resolve("checkpoint-1");
        Path left = directory.resolve(".checkpoint-1.old");
        try (RunSaver saver = saver(CONFIG, () -> {});
                Logged logged = new Logged(Checkpoints.class)) {
            saver.save(1, Map.of(), NONE);
            saver.await();
            hold(first, true);
            try {
                for (long step = 2; step <= 4; step++) {
                    saver.save(step, Map.of(), NONE);
                }
                saver.await();
                RunOutput.open(directory, OnExisting.RESUME, Method.LORA, null).close();
            } finally {
                hold(Files.exists(left) ? left : first, false);
            }
            assertEquals(List.of(1L, 2L, 3L, 4L), reported);
            assertEquals(List.of(4L), new Checkpoints(directory).steps());
            assertTrue(Files.exists(left));
            String told = left + " cannot be removed, and is tried again later: ";
            assertTrue(
                    logged.texts().stream().anyMatch(text -> text.startsWith(told)),
                    logged.texts().toString());
            saver.save(5, Map.of(), NONE);
            saver.await();
            assertFalse(Files.exists(left));
            assertEquals(List.of(5L), new Checkpoints(directory).steps());
        }
    }

    /** Whether files of a directory can be deleted; root may delete all but what the disk itself keeps. */
    private static void hold(Path checkpoint, boolean held) throws Exception {
        checkpoint.toFile().setWritable(!held);
        if (Files.isWritable(checkpoint)) {
            String file = checkpoint.resolve(RunState.FILE).toString();
            int status = -1;
            try {
                status = new ProcessBuilder("chattr", held ? "+i" : "-i", file)
                        .start()
                        .waitFor();
            } catch (IOException e) {
                // no such program
            }
            assumeTrue(status == 0 || !held, "nothing stops root here");
        }
    }
}
