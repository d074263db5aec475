package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.nn.Model;

/** What was trained is freed by close: nothing uses it after that. */
@Timeout(120)
class TrainingRunCloseTest {
    @TempDir
    Path directory;

    /** As a program that is shut down does, whose training is in a thread of a pool. */
    @Test
    void anotherThreadThatTrainsIsStoppedAndWaitedFor() throws Exception {
        TrainConfig config =
                TinyRun.config(Method.LORA).epochs(10_000).saveSteps(100_000).build();
        CountDownLatch learning = new CountDownLatch(3);
        try (Model model = TinyRun.model()) {
            TrainingRun run = TinyRun.open(model, config, directory, OnExisting.REFUSE);
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    learning.countDown();
                }
            });
            FutureTask<TrainResult> training = new FutureTask<>(run::run);
            new Thread(training).start();
            learning.await();
            run.close();
            TrainResult result = training.get();
            assertEquals(TrainResult.Outcome.INTERRUPTED, result.outcome());
            assertTrue(Files.isDirectory(directory.resolve("checkpoint-" + result.step())), result.toString());
        }
    }

    /** Held-out rows may be many, and nobody waits for what comes of them any more. */
    @Test
    void aTestInAnotherThreadIsGivenUp() throws Exception {
        TrainConfig config =
                TinyRun.config(Method.LORA).evalBatchSize(4).maxSteps(2).build();
        CountDownLatch judging = new CountDownLatch(1);
        Runnable slow = () -> {
            judging.countDown();
            try {
                Thread.sleep(50);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        };
        try (Model model = TinyRun.model()) {
            TrainingRun run = TinyRun.open(model, config, directory, OnExisting.REFUSE);
            run.run();
            OverheardExamples held = new OverheardExamples(TinyRun.counting(100_000, 2), () -> {}, slow);
            FutureTask<Optional<Evaluation>> testing =
                    new FutureTask<>(() -> Optional.ofNullable(run.test(held, () -> false)));
            new Thread(testing).start();
            judging.await();
            run.close();
            assertEquals(Optional.empty(), testing.get());
        }
    }

    /** A run that was asked for a stop has ended, and what it has trained can be judged. */
    @Test
    void aStopBeforeATestIsNoneOfIt() throws IOException {
        try (Model model = TinyRun.model();
                TrainingRun run =
                        TinyRun.open(model, TinyRun.config(Method.LORA).build(), directory, OnExisting.REFUSE)) {
            run.requestStop();
            run.run();
            assertNotNull(run.test(TinyRun.counting(4, 1), () -> false));
        }
    }

    /** An adapter has been taken off by then: the model would be judged as it was before. */
    @Test
    void nothingIsTrainedOrTestedAfterwards() throws IOException {
        TrainConfig config = TinyRun.config(Method.LORA).maxSteps(2).build();
        try (Model model = TinyRun.model()) {
            TrainingRun run = TinyRun.open(model, config, directory, OnExisting.REFUSE);
            run.run();
            run.close();
            run.close();
            for (String said : new String[] {
                String.valueOf(
                        assertThrows(IllegalStateException.class, run::run).getMessage()),
                String.valueOf(assertThrows(
                                IllegalStateException.class, () -> run.test(TinyRun.counting(4, 1), () -> false))
                        .getMessage())
            }) {
                assertTrue(said.startsWith("this run has been closed: open it anew"), said);
            }
            for (Executable late : List.<Executable>of(
                    () -> run.trainable().save(directory),
                    () -> run.trainable().restore(directory),
                    () -> new Trainer(model, run.trainable(), config, 2)
                            .step(List.of(TinyRun.counting(4, 1).batch(new int[] {0}, 0)), 0))) {
                String told = String.valueOf(
                        assertThrows(IllegalStateException.class, late).getMessage());
                assertTrue(told.startsWith("what was trained has been closed"), told);
            }
        }
    }

    @Test
    void aModelThatIsClosedIsJudgedNoMore() throws IOException {
        Model model = TinyRun.model();
        try (TrainingRun run =
                TinyRun.open(model, TinyRun.config(Method.LORA).maxSteps(2).build(), directory, OnExisting.REFUSE)) {
            run.run();
            model.close();
            String told = String.valueOf(assertThrows(
                            IllegalStateException.class, () -> run.test(TinyRun.counting(4, 1), () -> false))
                    .getMessage());
            assertTrue(told.startsWith("the model has been closed"), told);
        }
    }

    /** As where try-with-resources closes it once more. */
    @Test
    void aSecondTimeItLeavesTheModelToTheNextRun() throws IOException {
        for (Method method : new Method[] {Method.LORA, Method.FULL}) {
            TrainConfig config = TinyRun.config(method).maxSteps(2).build();
            Path place = directory.resolve(method.word());
            try (Model model = TinyRun.model()) {
                TrainingRun first = TinyRun.open(model, config, place.resolve("first"), OnExisting.REFUSE);
                first.close();
                try (TrainingRun second = TinyRun.open(model, config, place.resolve("second"), OnExisting.REFUSE)) {
                    first.close();
                    first.trainable().close();
                    assertThrows(
                            IllegalStateException.class,
                            () -> TinyRun.open(model, config, place.resolve("third"), OnExisting.REFUSE));
                    assertEquals(TrainResult.Outcome.FINISHED, second.run().outcome());
                }
            }
        }
    }

    /** Who keeps what the model has read must hear of it: by a step, and by what a run takes up again. */
    @Test
    void aModelThatHasLearntIsAnotherOne() throws IOException {
        for (Method method : new Method[] {Method.LORA, Method.FULL}) {
            TrainConfig config = TinyRun.config(method).maxSteps(2).build();
            Path place = directory.resolve(method.word());
            List<Object> editions = new ArrayList<>();
            try (Model model = TinyRun.model()) {
                editions.add(model.weights().edition());
                try (TrainingRun run = TinyRun.open(model, config, place, OnExisting.REFUSE)) {
                    run.addListener(new TrainListener() {
                        @Override
                        public void onStep(StepEvent event) {
                            editions.add(model.weights().edition());
                        }
                    });
                    run.run();
                }
                editions.add(model.weights().edition());
            }
            // with the run its adapter goes; what is learnt in full stays as the last step left it
            assertEquals(method == Method.FULL ? 3 : 4, Set.copyOf(editions).size());
            try (Model model = TinyRun.model()) {
                Object before = model.weights().edition();
                try (TrainingRun run = TinyRun.open(model, config, place, OnExisting.RESUME)) {
                    run.run();
                }
                assertNotEquals(before, model.weights().edition());
            }
        }
    }

    @Test
    void aListenerAsksForAStop() throws IOException {
        TrainConfig config = TinyRun.config(Method.LORA).maxSteps(4).build();
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, directory, OnExisting.REFUSE)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    String said = String.valueOf(assertThrows(IllegalStateException.class, run::close)
                            .getMessage());
                    assertTrue(said.contains("requestStop() ends it"), said);
                }
            });
            assertEquals(TrainResult.Outcome.FINISHED, run.run().outcome());
        }
    }
}
