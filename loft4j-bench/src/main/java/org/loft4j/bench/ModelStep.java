package org.loft4j.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.ImageBatch;
import org.loft4j.data.MiniBatch;
import org.loft4j.data.SourceTargetBatch;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.optim.Schedule;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.Trainable;
import org.loft4j.train.Trainer;

/**
 * What a LoRA step takes on a model that lies in a directory, on random inputs: rank 16 on all linear layers, 1024 tokens, or 4 images
 * of 224 pixels, or 4 texts of 256 tokens of which 64 are written. {@code docs/benchmarks/families.md} tells how to call it.
 */
public final class ModelStep {
    private static final int TOKENS = 1024;
    private static final int VOCABULARY = 8192;
    private static final int WARMUP = 2;

    private ModelStep() {}

    /**
     * Prints the median of the steps' seconds, their mean, and the largest resident size of the process.
     *
     * @param args directory; task, as {@code --task} has it; tokens of a row; steps; dtype, float32 unless it is given; tokens of the
     *     longest row of a batch at least, where these are to differ from step to step
     */
    public static void main(String[] args) throws IOException {
        Path directory = Path.of(args[0]);
        Task task = Task.valueOf(args[1].toUpperCase(Locale.ROOT).replace('-', '_'));
        int columns = Integer.parseInt(args[2]);
        double[] seconds = new double[Integer.parseInt(args[3])];
        Dtype dtype = args.length > 4 ? Dtype.parse("dtype", args[4]) : Dtype.F32;
        int fewest = args.length > 5 ? Integer.parseInt(args[5]) : columns;
        ModelOptions options = ModelOptions.of(task).withDtype(dtype);
        boolean labelled = task == Task.SEQUENCE_CLASSIFICATION || task == Task.IMAGE_CLASSIFICATION;
        TrainConfig config = TrainConfig.builder(Method.LORA)
                .learningRate(1e-4)
                .schedule(Schedule.Kind.CONSTANT)
                .warmupRatio(0)
                .build();
        LoraConfig lora = LoraConfig.of(16, 16, TargetModules.allLinear());
        try (Model model =
                        Models.open(directory, labelled ? options.withLabels(List.of("a", "b", "c", "d")) : options);
                Trainable trainable = Trainable.create(model, lora, config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, seconds.length + WARMUP);
            for (int step = 0; step < seconds.length + WARMUP; step++) {
                int some = fewest + (int) ((columns - fewest + 1) * new SplittableRandom(step).nextDouble());
                MiniBatch batch = batch(task, TOKENS / Math.max(1, columns), some, step);
                long start = System.nanoTime();
                trainer.step(List.of(batch), step);
                if (step >= WARMUP) {
                    seconds[step - WARMUP] = (System.nanoTime() - start) / 1e9;
                }
            }
        }
        double mean = Arrays.stream(seconds).average().orElseThrow();
        Arrays.sort(seconds);
        System.out.printf(
                Locale.ROOT,
                "{\"model\": \"%s\", \"tokens\": %d, \"dtype\": \"%s\", \"seconds\": %.4f, \"mean\": %.4f, \"peak_mb\": %d}%n",
                directory.getFileName(),
                columns,
                dtype.torchName(),
                seconds[seconds.length / 2],
                mean,
                peak() / 1_000_000);
    }

    private static MiniBatch batch(Task task, int rows, int columns, int seed) {
        if (task == Task.IMAGE_CLASSIFICATION) {
            SplittableRandom random = new SplittableRandom(seed);
            float[] pixels = new float[4 * 3 * 224 * 224];
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = (float) random.nextDouble(-1, 1);
            }
            return new ImageBatch(4, 3, 224, 224, pixels, new long[4]);
        }
        if (task == Task.SEQ2SEQ_LM) {
            return new SourceTargetBatch(texts(4, 256, seed, 0), texts(4, 64, seed + 1000, 0));
        }
        return task == Task.CAUSAL_LM ? texts(rows, columns, seed, rows) : labelled(texts(rows, columns, seed, 0));
    }

    /** @param first tokens that nothing tells */
    private static Batch texts(int rows, int columns, int seed, int first) {
        long[] ids = new SplittableRandom(seed)
                .longs((long) rows * columns, 3, VOCABULARY)
                .toArray();
        long[] mask = new long[ids.length];
        Arrays.fill(mask, 1);
        return new Batch(rows, columns, ids, mask, ids.clone(), ids.length, ids.length - first);
    }

    private static Batch labelled(Batch texts) {
        return new Batch(
                texts.rows(),
                texts.columns(),
                texts.inputIds(),
                texts.attentionMask(),
                new long[texts.rows()],
                texts.tokens(),
                texts.rows());
    }

    /** Bytes, by {@code /proc}. */
    private static long peak() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IOException("no VmHWM in /proc/self/status");
    }
}
