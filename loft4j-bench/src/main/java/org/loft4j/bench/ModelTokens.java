package org.loft4j.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SplittableRandom;
import org.loft4j.infer.Generator;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;

/**
 * How long a model that lies in a directory takes until the first token that it writes of random prompts, and from one to the next.
 * {@code docs/benchmarks/families.md} tells how to call it.
 */
public final class ModelTokens {
    private static final int VOCABULARY = 8192;
    private static final int WARMUP = 2;
    private static final int ROUNDS = 5;

    private ModelTokens() {}

    /**
     * Prints the median milliseconds of five calls to the first token, and of all that come between two tokens.
     *
     * @param args directory; task, as {@code --task} has it; prompts at once; tokens of each; tokens that are written; dtype
     */
    public static void main(String[] args) throws IOException {
        Path directory = Path.of(args[0]);
        Task task = Task.valueOf(args[1].toUpperCase(Locale.ROOT).replace('-', '_'));
        int rows = Integer.parseInt(args[2]);
        int length = Integer.parseInt(args[3]);
        int count = Integer.parseInt(args[4]);
        Dtype dtype = Dtype.parse("dtype", args[5]);
        List<Double> first = new ArrayList<>();
        List<Double> further = new ArrayList<>();
        try (Model model = Models.open(directory, ModelOptions.of(task).withDtype(dtype))) {
            model.setTraining(false);
            for (int round = -WARMUP; round < ROUNDS; round++) {
                long[] ids = new SplittableRandom(round)
                        .longs((long) rows * length, 3, VOCABULARY)
                        .toArray();
                List<Double> times = times(Generator.of(model), prompts(ids, length), count);
                if (round >= 0) {
                    first.add(times.get(0));
                    further.addAll(times.subList(1, times.size()));
                }
            }
        }
        System.out.printf(
                Locale.ROOT,
                "{\"model\": \"%s\", \"rows\": %d, \"prompt\": %d, \"dtype\": \"%s\", \"first_ms\": %.2f, \"token_ms\": %.2f}%n",
                directory.getFileName(),
                rows,
                length,
                dtype.torchName(),
                median(first),
                median(further));
    }

    private static List<long[]> prompts(long[] ids, int length) {
        List<long[]> prompts = new ArrayList<>();
        for (int start = 0; start < ids.length; start += length) {
            prompts.add(Arrays.copyOfRange(ids, start, start + length));
        }
        return prompts;
    }

    /** Milliseconds to the first token of all rows, and to each further one. */
    private static List<Double> times(Generator generator, List<long[]> prompts, int count) {
        List<Double> times = new ArrayList<>();
        long[] last = {System.nanoTime()};
        generator.generate(prompts, count, Set.of(), SamplingConfig.GREEDY, (row, id) -> {
            if (row == prompts.size() - 1) {
                long now = System.nanoTime();
                times.add((now - last[0]) / 1e6);
                last[0] = now;
            }
            return true;
        });
        return times;
    }

    private static double median(List<Double> values) {
        List<Double> sorted = new ArrayList<>(values);
        Collections.sort(sorted);
        return sorted.get(sorted.size() / 2);
    }
}
