package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.nn.Model;
import org.loft4j.optim.StepReport;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The gradients of a step of many tokens on a base in float16, beside those in float32. */
class Float16GradientTest {
    /** Of all micro-batches of a step, of which one is taken here. */
    private static final long TOKENS = 100_000;

    private static final Dataset DATA = TinyRun.counting(8, 3);
    private static final LoraConfig LORA = LoraConfig.of(4, 8, TargetModules.allLinear());
    private static final TrainConfig CONFIG = TrainConfig.builder(Method.LOFT).build();

    /** The gradients of all B, one after the other, in units of the loss. */
    private static List<double[]> gradients(Dtype dtype, boolean scaled) {
        List<double[]> all = new ArrayList<>();
        try (Model model = TinyRun.model(dtype);
                Trainable trainable = Trainable.create(model, LoraConfig.of(4, 8, TargetModules.allLinear()), CONFIG);
                NativeScope scope = new NativeScope()) {
            double lossScale = scaled ? trainable.optimizer().lossScale() : 1;
            Batch batch = Batch.collate(DATA, new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 0);
            new BatchLoss(model.task(), TOKENS, lossScale).backward(model, BatchTensors.of(batch, model));
            trainable.adapter().layers().values().forEach(layer -> {
                Tensor grad = layer.loraB().grad();
                double[] values = Tensors.toDoubles(grad);
                for (int i = 0; i < values.length; i++) {
                    values[i] /= lossScale;
                }
                all.add(values);
            });
        }
        return all;
    }

    /** The largest relative distance of a layer. */
    private static double distance(List<double[]> expected, List<double[]> actual) {
        double worst = 0;
        for (int i = 0; i < expected.size(); i++) {
            double squares = 0;
            double norm = 0;
            for (int j = 0; j < expected.get(i).length; j++) {
                squares += Math.pow(expected.get(i)[j] - actual.get(i)[j], 2);
                norm += Math.pow(expected.get(i)[j], 2);
            }
            worst = Math.max(worst, Math.sqrt(squares / norm));
        }
        return worst;
    }

    @Test
    void theyDoNotVanish() {
        List<double[]> exact = gradients(Dtype.F32, false);
        double scaled = distance(exact, gradients(Dtype.F16, true));
        double plain = distance(exact, gradients(Dtype.F16, false));
        System.out.printf("float16 gradients of %d tokens: off by %.4f, without a scale %.4f%n", TOKENS, scaled, plain);
        assertTrue(scaled < 0.02, "off by " + scaled);
        assertTrue(plain > 5 * scaled, "a scale would not be needed: " + plain);
    }

    /** The norm that is told and clipped by is that of the loss itself; few tokens have large gradients, for which the scale begins too high. */
    @Test
    void theNormOfAStepIsThatInFloat32() {
        try (Model exact = TinyRun.model();
                Trainable expected = Trainable.create(exact, LORA, CONFIG);
                Model half = TinyRun.model(Dtype.F16);
                Trainable trainable = Trainable.create(half, LORA, CONFIG)) {
            List<Batch> batches = List.of(Batch.collate(DATA, new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 0));
            double norm = new Trainer(exact, expected, CONFIG, 40)
                    .step(batches, 0)
                    .report()
                    .gradNorm();
            Trainer trainer = new Trainer(half, trainable, CONFIG, 40);
            int skipped = 0;
            StepReport report = trainer.step(batches, 0).report();
            while (report.skipped() && ++skipped < 10) {
                report = trainer.step(batches, 0).report();
            }
            System.out.printf(
                    "float16: %d steps skipped, then a norm of %.5f beside %.5f%n", skipped, report.gradNorm(), norm);
            assertEquals(norm, report.gradNorm(), 0.02 * norm);
        }
    }
}
