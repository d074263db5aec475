package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.cli.compare.Baseline;
import org.loft4j.cli.compare.Comparison;
import org.loft4j.cli.compare.ComparisonData;
import org.loft4j.cli.compare.ComparisonListener;
import org.loft4j.cli.compare.ComparisonSettings;
import org.loft4j.cli.compare.Contender;
import org.loft4j.cli.compare.Remaining;
import org.loft4j.cli.compare.Trial;
import org.loft4j.cli.compare.TrialResult;
import org.loft4j.data.Dataset;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.train.RunLock;
import org.loft4j.train.StepEvent;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainListener;

/** Two comparisons that begin in one empty directory at the same time. */
class ComparisonsAtOnceTest {
    @TempDir
    Path directory;

    private static Dataset rows(int count) {
        return Dataset.classificationIds(
                IntStream.range(0, count)
                        .mapToObj(i -> IntStream.range(3, 9).toArray())
                        .toList(),
                IntStream.range(0, count).map(i -> i % 2).toArray());
    }

    private Comparison comparison(String method, int steps, ComparisonListener listener) {
        return comparison(method, steps, "accuracy", Baseline.DEFAULT, listener);
    }

    private Comparison comparison(
            String method, int steps, String metric, String baseline, ComparisonListener listener) {
        ComparisonSettings settings = new ComparisonSettings(
                List.of(Contender.parse(method)),
                List.of(2),
                Map.of(method, List.of(1e-3)),
                List.of(0L),
                1,
                metric,
                baseline,
                kind -> TrainConfig.builder(kind).maxSteps(steps).saveSteps(Long.MAX_VALUE),
                (rank, rslora) -> LoraConfig.of(rank, 4, TargetModules.allLinear()),
                directory.resolve("compared"),
                false);
        ComparisonData data = new ComparisonData(new TrainData(rows(16), rows(4), 0, 16), rows(8));
        return new Comparison(
                settings, directory.resolve("model"), ModelOptions.of(Task.SEQUENCE_CLASSIFICATION), data, listener);
    }

    /** The one begins as the other has agreed with what is there, and is heard before the first run of that one is over. */
    private final class Second implements ComparisonListener {
        private final FutureTask<Comparison.Outcome> call;
        private @Nullable Throwable fault;
        private boolean heard;

        Second(String method, int steps) {
            this(method, steps, "accuracy");
        }

        Second(String method, int steps, String metric) {
            call = new FutureTask<>(
                    () -> comparison(method, steps, metric, Baseline.DEFAULT, new ComparisonListener() {})
                            .run());
        }

        @Override
        public void onAgreement() {
            new Thread(call).start();
        }

        @Override
        public @Nullable TrainListener onStart(Trial trial, Remaining remaining) {
            try {
                call.get();
            } catch (ExecutionException e) {
                fault = e.getCause();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            heard = true;
            return null;
        }
    }

    @Test
    void theSecondIsSetAgainstTheFirstThoughThatHasNoResultYet() throws Exception {
        TinyModels.encoder(directory.resolve("model"));
        Second other = new Second("loft", 4);
        assertEquals(Comparison.Outcome.FINISHED, comparison("lora", 3, other).run());
        assertTrue(other.heard);
        assertNotNull(other.fault, "the second has run with other settings");
        String said = assertInstanceOf(ConfigException.class, other.fault).getMessage();
        assertTrue(Objects.requireNonNull(said).contains("max_steps was 3 and is now 4 (lora-2-1e-3-s0)"), said);
        Second judged = new Second("loft", 3, "loss");
        assertEquals(
                Comparison.Outcome.FINISHED, comparison("lora-fa", 3, judged).run());
        String metrics = assertInstanceOf(ConfigException.class, judged.fault).getMessage();
        assertTrue(
                Objects.requireNonNull(metrics).contains("rates accuracy chooses, and these would be chosen by loss"),
                metrics);
        Second same = new Second("loft", 3);
        assertEquals(Comparison.Outcome.FINISHED, comparison("dora", 3, same).run());
        assertEquals(Comparison.Outcome.FINISHED, same.call.get());
    }

    /** Between two of its runs a call has none that another could see. */
    @Test
    void aCallIsAtWorkBetweenItsRunsTooAndItsTraceGoesWithIt() throws Exception {
        TinyModels.encoder(directory.resolve("model"));
        Path stale = Files.createDirectories(directory.resolve("compared")).resolve(".call-of-the-dead.lock");
        Files.createFile(stale);
        AtomicReference<@Nullable String> said = new AtomicReference<>();
        ComparisonListener between = new ComparisonListener() {
            @Override
            public void onFinish(TrialResult result, Remaining remaining) {
                Comparison other = comparison("loft", 1, "loss", Baseline.DEFAULT, new ComparisonListener() {});
                said.set(assertThrows(ConfigException.class, other::run).getMessage());
            }
        };
        assertEquals(Comparison.Outcome.FINISHED, comparison("lora", 1, between).run());
        String refusal = Objects.requireNonNull(said.get());
        assertTrue(refusal.contains("rates accuracy chooses, and these would be chosen by loss"), refusal);
        try (Stream<Path> left = Files.list(directory.resolve("compared"))) {
            assertEquals(
                    List.of(),
                    left.filter(file -> file.getFileName().toString().startsWith(".call-"))
                            .toList());
        }
        assertEquals(
                Comparison.Outcome.FINISHED,
                comparison("lora", 1, "loss", Baseline.DEFAULT, new ComparisonListener() {})
                        .run());
    }

    @Test
    void aTrainingInTheDirectoryIsNotWaitedForAndARefusedCallLeavesNothing() throws Exception {
        TinyModels.encoder(directory.resolve("model"));
        Comparison unknown = comparison("lora", 1, "accuracy", "dora", new ComparisonListener() {});
        assertThrows(ConfigException.class, unknown::run);
        assertFalse(Files.exists(directory.resolve("compared")));
        ComparisonListener silent = new ComparisonListener() {
            @Override
            public void onAgreement() {
                throw new IllegalStateException("the directory is written to");
            }
        };
        try (RunLock training = RunLock.acquire(directory.resolve("compared"))) {
            FutureTask<Comparison.Outcome> call = new FutureTask<>(comparison("lora", 1, silent)::run);
            new Thread(call).start();
            ExecutionException ended = assertThrows(ExecutionException.class, () -> call.get(20, TimeUnit.SECONDS));
            assertTrue(String.valueOf(ended.getCause().getMessage()).contains("is in use by another run"));
        }
    }

    /** Before anything is written: the settings of the directory are those of the run that waits there. */
    @Test
    void anInterruptedRunIsNotGoneOnWithByOtherSettings() throws Exception {
        TinyModels.encoder(directory.resolve("model"));
        AtomicReference<Comparison> first = new AtomicReference<>();
        first.set(comparison("lora", 4, new ComparisonListener() {
            @Override
            public TrainListener onStart(Trial trial, Remaining remaining) {
                return new TrainListener() {
                    @Override
                    public void onStep(StepEvent event) {
                        first.get().requestStop();
                    }
                };
            }
        }));
        assertEquals(Comparison.Outcome.STOPPED, first.get().run());
        Path begun = directory.resolve("compared/runs/lora-2-1e-3-s0/begun.json");
        String before = Files.readString(begun);
        AtomicBoolean agreed = new AtomicBoolean();
        Comparison other = comparison("lora", 3, new ComparisonListener() {
            @Override
            public void onAgreement() {
                agreed.set(true);
            }
        });
        String said = assertThrows(ConfigException.class, other::run).getMessage();
        assertTrue(said.contains("max_steps was 4 and is now 3 (lora-2-1e-3-s0)"), said);
        assertFalse(agreed.get());
        assertEquals(before, Files.readString(begun));
        assertEquals(
                Comparison.Outcome.FINISHED,
                comparison("lora", 4, new ComparisonListener() {}).run());
        JsonObject result = Json.read(directory.resolve("compared/runs/lora-2-1e-3-s0/result.json"));
        assertEquals(1, result.requireLong("resumed_from"));
    }
}
