package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.data.Dataset;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.optim.StepReport;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** The gradients of a step of many tokens on a base in float16, beside those in float32. */
class Float16GradientTest {
    /** Of all micro-batches of a step, of which one is taken here. */
    private static final long TOKENS = 300_000;

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
            new BatchLoss(model.task(), TOKENS, lossScale, 0, PreferenceLoss.DPO, null)
                    .backward(model, BatchTensors.of(batch, model));
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
    @ParameterizedTest
    @EnumSource(names = {"LOFT", "LOFT_TANGENT"})
    void theNormOfAStepIsThatInFloat32(Method method) {
        double norm = firstStep(method, Dtype.F32).gradNorm();
        assertEquals(norm, firstStep(method, Dtype.F16).gradNorm(), 0.02 * norm);
    }

    /** A probe's gradient is no larger than those of the factors, whose precision a smaller scale would cost. */
    @Test
    void aProbeNeedsNoSmallerScale() {
        assertEquals(
                firstStep(Method.LOFT, Dtype.F16).lossScale(),
                firstStep(Method.LOFT_TANGENT, Dtype.F16).lossScale());
    }

    private record FirstStep(double gradNorm, double lossScale) {}

    /** The first step that is not skipped. */
    private static FirstStep firstStep(Method method, Dtype dtype) {
        TrainConfig config = TrainConfig.builder(method).build();
        try (Model model = TinyRun.model(dtype);
                Trainable trainable = Trainable.create(model, LORA, config)) {
            trainable.setTraining(true);
            Trainer trainer = new Trainer(model, trainable, config, 40);
            List<Batch> batches = List.of(Batch.collate(DATA, new int[] {0, 1, 2, 3, 4, 5, 6, 7}, 0));
            StepReport report = trainer.step(batches, 0).report();
            for (int skipped = 0; report.skipped() && skipped < 10; skipped++) {
                report = trainer.step(batches, 0).report();
            }
            FirstStep step =
                    new FirstStep(report.gradNorm(), trainable.optimizer().lossScale());
            System.out.println(method.word() + " in " + dtype.torchName() + ": " + step);
            return step;
        }
    }
}
