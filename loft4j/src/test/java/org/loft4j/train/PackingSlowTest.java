package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
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
 * Tokens a second of a training step, in turns: examples packed, the same in batches that they fill to 30 %, and in these with their
 * padding computed as if it were tokens.
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

    /** The padding as tokens, of which nothing is learnt: so padded batches were computed, and are in half types. */
    private static Batch filled(Batch padded) {
        long[] mask = new long[padded.attentionMask().length];
        Arrays.fill(mask, 1);
        return new Batch(
                padded.rows(),
                padded.columns(),
                padded.inputIds(),
                mask,
                padded.labels(),
                mask.length,
                padded.targets());
    }

    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F32", "BF16"})
    void packedRowsTakeLessTimeForEachTokenThanPaddingDoes(Dtype dtype) {
        Dataset data = examples();
        PackedDataset packed = new PackedDataset(data, LENGTH);
        List<int[]> rows = IntStream.range(0, ROUNDS + 1)
                .mapToObj(i -> IntStream.range(8 * i, 8 * i + 8).toArray())
                .toList();
        List<int[]> packs = new BatchPlan(packed, 4, false, 1).epoch(0);
        double[] rate = new double[3];
        double fill = 0;
        TrainConfig config = TrainConfig.builder(Method.LORA).build();
        try (CausalDecoder model =
                        LlamaModel.random(LlamaConfig.of(8192, 512, 4, 8, 8, 1408, LENGTH), DeviceSpec.CPU, dtype, 1);
                Trainable trainable =
                        Trainable.create(model, LoraConfig.of(16, 16, TargetModules.allLinear()), config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 100);
            double[] seconds = new double[3];
            long[] tokens = new long[3];
            for (int round = 0; round <= ROUNDS; round++) {
                Batch padded = data.batch(rows.get(round), 0);
                Batch together = packed.batch(packs.get(round), 0);
                Batch[] batches = {filled(padded), padded, together};
                long[] own = {padded.tokens(), padded.tokens(), together.tokens()};
                for (int i = 0; i < 3; i++) {
                    long start = System.nanoTime();
                    trainer.step(List.of(batches[i]), round);
                    if (round > 0) {
                        seconds[i] += (System.nanoTime() - start) / 1e9;
                        tokens[i] += own[i];
                    }
                }
                fill += (double) padded.tokens() / padded.rows() / padded.columns() / (ROUNDS + 1);
            }
            for (int i = 0; i < 3; i++) {
                rate[i] = tokens[i] / seconds[i];
            }
        }
        System.out.printf(
                Locale.ROOT,
                "%s, filled to %.2f: %.0f tokens/s with the padding computed; as it goes %.0f, %.2f times as many; packed %.0f, %.2f"
                        + " times as many%n",
                dtype,
                fill,
                rate[0],
                rate[1],
                rate[1] / rate[0],
                rate[2],
                rate[2] / rate[0]);
        assertTrue(rate[2] > 2 * rate[0]);
        assertTrue(rate[1] > (dtype.isHalf() ? 1.5 : 2) * rate[0]);
    }
}
