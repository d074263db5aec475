package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.BatchPlan;
import org.loft4j.data.Dataset;
import org.loft4j.data.PackedDataset;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;

/**
 * Tokens a second of a training step, examples that fill 30 % of a padded batch, whose padding is not computed, against the same packed,
 * in turns. With the padding it was a third as many.
 */
@Tag("slow")
class PackingSlowTest {
    private static final int LENGTH = 256;
    private static final int ROUNDS = 5;

    /** Lengths of 8 to 256 tokens, of which batches of eight are filled to 30 %. */
    private static Dataset examples() {
        SplittableRandom random = new SplittableRandom(1);
        List<int[]> ids = new ArrayList<>();
        for (int i = 0; i < 400; i++) {
            // one row of four, in each of two lanes, is as long as can be, and the others are short
            int length = i % 4 == 0 ? LENGTH : random.nextInt(8, 27);
            ids.add(random.ints(length, 0, 8192).toArray());
        }
        return Dataset.causalLmIds(ids);
    }

    @Test
    void paddedRowsTakeLittleLongerForEachToken() {
        Dataset data = examples();
        PackedDataset packed = new PackedDataset(data, LENGTH);
        List<int[]> rows = IntStream.range(0, ROUNDS + 1)
                .mapToObj(i -> IntStream.range(8 * i, 8 * i + 8).toArray())
                .toList();
        List<int[]> packs = new BatchPlan(packed, 4, false, 1).epoch(0);
        double[] rate = new double[2];
        double fill = 0;
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        try (CausalDecoder model = LlamaModel.random(
                        LlamaConfig.of(8192, 512, 4, 8, 8, 1408, LENGTH), DeviceSpec.CPU, Dtype.F32, 1);
                Trainable trainable =
                        Trainable.create(model, LoraConfig.of(16, 16, TargetModules.allLinear()), config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 100);
            double[] seconds = new double[2];
            long[] tokens = new long[2];
            for (int round = 0; round <= ROUNDS; round++) {
                Batch[] batches = {data.batch(rows.get(round), 0), packed.batch(packs.get(round), 0)};
                for (int i = 0; i < 2; i++) {
                    long start = System.nanoTime();
                    trainer.step(List.of(batches[i]), round);
                    if (round > 0) {
                        seconds[i] += (System.nanoTime() - start) / 1e9;
                        tokens[i] += batches[i].tokens();
                    }
                }
                fill += (double) batches[0].tokens() / batches[0].rows() / batches[0].columns() / (ROUNDS + 1);
            }
            for (int i = 0; i < 2; i++) {
                rate[i] = tokens[i] / seconds[i];
            }
        }
        System.out.printf(
                Locale.ROOT,
                "padded, filled to %.2f: %.0f tokens/s; packed: %.0f tokens/s, %.2f times as many%n",
                fill,
                rate[0],
                rate[1],
                rate[1] / rate[0]);
        assertTrue(rate[1] < 2 * rate[0]);
    }
}
