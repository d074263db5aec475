package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.nn.Model;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.ProcessMemory;

/** Training leaves no native object and no memory behind. */
class SteadyMemoryTest {
    /** The resident size includes code that the JVM still compiles and what malloc keeps for itself. */
    private static final long SLACK = 16L << 20;

    private record Usage(long objects, long bytes, long resident) {
        /** Once the JVM has collected what earlier tests dropped, which takes it a moment. */
        static Usage now() {
            long objects = -1;
            while (objects != NativeScope.liveObjects()) {
                objects = NativeScope.liveObjects();
                System.gc();
                LockSupport.parkNanos(40_000_000L);
            }
            return new Usage(NativeScope.liveObjects(), Pointer.totalBytes(), ProcessMemory.resident());
        }
    }

    /** Usage after {@code warm} steps and after all of them; each has two micro-batches, each tenth an evaluation. */
    private static Usage[] train(Method method, int warm, int steps, boolean checkpointing) throws IOException {
        Dataset data = TinyRun.counting(64, 1);
        TrainConfig config =
                TrainConfig.builder(method).gradientCheckpointing(checkpointing).build();
        Usage[] usage = new Usage[2];
        try (Model model = TinyRun.model();
                Trainable trainable = Trainable.create(model, TinyRun.lora(), config)) {
            Trainer trainer = new Trainer(model, trainable, config, steps);
            Evaluator evaluator = new Evaluator(model, 0, 16);
            trainable.setTraining(true);
            for (int step = 0; step < steps; step++) {
                int first = 8 * (step % 8);
                int[] one = {first, first + 1, first + 2, first + 3};
                int[] other = {first + 4, first + 5, first + 6, first + 7};
                trainer.step(List.of(Batch.collate(data, one, 0), Batch.collate(data, other, 0)), step);
                if (step % 10 == 9) {
                    evaluator.evaluate(data);
                }
                if (step == warm) {
                    usage[0] = Usage.now();
                }
            }
            usage[1] = Usage.now();
        }
        return usage;
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void objectsAndBytesAreFlat(Method method) throws IOException {
        Usage[] usage = train(method, 10, 20, false);
        assertEquals(usage[0].objects, usage[1].objects);
        assertEquals(usage[0].bytes, usage[1].bytes);
    }

    @ParameterizedTest
    @EnumSource(names = {"LOFT", "DORA", "FULL"})
    void theyAreFlatWithRecomputedLayers(Method method) throws IOException {
        Usage[] usage = train(method, 10, 20, true);
        assertEquals(usage[0].objects, usage[1].objects);
        assertEquals(usage[0].bytes, usage[1].bytes);
    }

    @Test
    void nothingIsLeftWhenEverythingIsClosed() throws IOException {
        // indices of a rank, made once
        train(Method.LOFT, 0, 1, true);
        long before = Usage.now().objects;
        for (Method method : Method.values()) {
            train(method, 0, 1, true);
            assertEquals(before, NativeScope.liveObjects(), method.word());
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void aWholeRunAndItsResumptionLeaveNothing(Method method, @TempDir Path directory) throws IOException {
        TrainConfig config = TinyRun.config(method).epochs(1).build();
        train(Method.LOFT, 0, 1, true);
        long before = Usage.now().objects;
        try (Model model = TinyRun.model();
                TrainingRun run = TinyRun.open(model, config, directory, OnExisting.RESUME)) {
            run.requestStop();
            run.run();
        }
        assertEquals(before, NativeScope.liveObjects());
        TinyRun.train(config, directory, OnExisting.RESUME);
        assertEquals(before, NativeScope.liveObjects());
    }

    /**
     * 500 steps of LoFT in a process whose Java heap cannot grow, so that its resident size tells of native memory. As under the
     * launcher nothing but scopes frees native objects there.
     */
    @Test
    void theResidentSizeIsFlatOver500Steps(@TempDir Path directory) throws IOException {
        Process process = ChildJvm.start(
                SteadyMemoryTest.class,
                directory.resolve("child.log"),
                List.of(
                        "-Xms96m",
                        "-Xmx96m",
                        "-XX:+AlwaysPreTouch",
                        "-XX:+UseSerialGC",
                        "-Dorg.bytedeco.javacpp.nopointergc=true"));
        try (BufferedReader lines = process.inputReader()) {
            String[] sizes = lines.lines().reduce("", (a, b) -> b).split(" ");
            assertEquals(2, sizes.length);
            long grown = Long.parseLong(sizes[1]) - Long.parseLong(sizes[0]);
            System.out.println("resident size after 150 and 500 steps: " + String.join(" and ", sizes) + " bytes");
            assertTrue(grown < SLACK, "the resident size has grown by " + grown + " bytes");
        }
    }

    public static void main(String[] arguments) throws IOException {
        Usage[] usage = train(Method.LOFT, 150, 500, false);
        System.out.println(usage[0].resident + " " + usage[1].resident);
    }
}
