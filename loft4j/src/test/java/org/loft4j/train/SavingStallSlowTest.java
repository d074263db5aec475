package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.model.TaskFile;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Model;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/** How long training stands still for a checkpoint: a model of some million parameters, a checkpoint every ten steps. */
@Tag("slow")
class SavingStallSlowTest {
    private static final int ROUNDS = 4;
    private static final int EVERY = 10;

    @TempDir
    Path directory;

    private static Model model() {
        DecoderConfig sizes =
                new DecoderConfig(2000, 128, 6, 4, 2, 32, 344, 128, 1e-5, false, 0, 0.05, Activation.SILU, -1);
        return LlamaModel.random(
                new LlamaConfig(sizes, Rope.plain(32, 10000), false, false, 0), DeviceSpec.CPU, Dtype.F32, 3);
    }

    private static Batch batch() {
        List<int[]> rows = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            int[] ids = new int[64];
            for (int t = 0; t < ids.length; t++) {
                ids[t] = (7 * i + 3 * t) % 2000;
            }
            rows.add(ids);
        }
        return Batch.collate(Dataset.causalLmIds(rows), new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 0);
    }

    /**
     * Seconds of ten steps, with a checkpoint before them or without, by turns; and the seconds in which the training thread
     * stood still for the checkpoint. The median of each.
     */
    private double[] seconds(Method method, boolean background) throws IOException {
        TrainConfig config =
                TrainConfig.builder(method).saveInBackground(background).build();
        List<Batch> batches = List.of(batch());
        List<Double> plain = new ArrayList<>();
        List<Double> saving = new ArrayList<>();
        List<Double> still = new ArrayList<>();
        Path output = Files.createDirectories(directory.resolve(method.word() + background));
        try (Model model = model();
                Trainable trainable = Trainable.create(model, TinyRun.lora(), config);
                RunSaver saver = new RunSaver(
                        new Checkpoints(output),
                        trainable,
                        TaskFile.of(model, 64, null)::write,
                        config,
                        null,
                        () -> {},
                        (step, path) -> {})) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 1000);
            long step = 0;
            for (int round = 0; round <= 2 * ROUNDS; round++) {
                boolean saves = round % 2 == 1;
                long start = System.nanoTime();
                long stalled = 0;
                if (saves) {
                    saver.save(step, java.util.Map.of(), new RunSaver.Needed(0, 0));
                    stalled += System.nanoTime() - start;
                }
                for (int i = 0; i < EVERY; i++) {
                    trainer.step(batches, step++);
                    long before = System.nanoTime();
                    saver.poll();
                    stalled += System.nanoTime() - before;
                }
                double seconds = (System.nanoTime() - start) / 1e9;
                saver.await();
                if (round > 0) {
                    (saves ? saving : plain).add(seconds);
                    if (saves) {
                        still.add(stalled / 1e9);
                    }
                }
            }
        }
        return new double[] {median(plain), median(saving), median(still)};
    }

    private static double median(List<Double> values) {
        Collections.sort(values);
        return values.get(values.size() / 2);
    }

    @Test
    void aCheckpointInTheBackgroundCostsLessThanATwentieth() throws IOException {
        for (Method method : List.of(Method.LOFT, Method.FULL)) {
            double[] direct = seconds(method, false);
            double[] background = seconds(method, true);
            System.out.println(String.format(
                    Locale.ROOT,
                    "SavingStallSlowTest: %s, ten steps %.3f s; a checkpoint stops them for %.1f %% in the background, for %.1f %%"
                            + " without it; all in all they take %+.1f %% and %+.1f %%",
                    method.word(),
                    background[0],
                    100 * background[2] / background[0],
                    100 * direct[2] / direct[0],
                    100 * (background[1] / background[0] - 1),
                    100 * (direct[1] / direct[0] - 1)));
            // not of the whole time, which another process may stretch as it likes
            assertTrue(background[2] < 0.05 * background[0], background[2] + " s of " + background[0] + " s");
        }
    }
}
