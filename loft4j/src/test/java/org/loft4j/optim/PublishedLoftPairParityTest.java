package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.loft4j.optim.Matrices.assertClose;
import static org.loft4j.optim.Matrices.gaussian;
import static org.loft4j.optim.Matrices.leaf;
import static org.loft4j.optim.Matrices.tensor;

import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class PublishedLoftPairParityTest {
    /** Ten steps of random gradients against a transcription of what the published code does. */
    @ParameterizedTest
    @CsvSource({"7, 5, 1, 0, 0", "12, 9, 3, 1e-2, 0", "9, 20, 4, 0, 1.5"})
    void tenStepsFollowTheTranscription(int m, int n, int r, double decay, double maxNorm) {
        long seed = Long.getLong("tests.seed", 20260102L);
        Random random = new Random(seed);
        double[][] a = gaussian(random, r, n);
        double[][] b = gaussian(random, m, r);
        LoftConfig config = LoftConfig.publishedCode().withWeightDecay(decay);
        PublishedLoftTranscription expected = new PublishedLoftTranscription(a, b, 2, config);
        try (NativeScope scope = new NativeScope()) {
            Tensor ta = leaf(a);
            Tensor tb = leaf(b);
            LowRankPair pair = new LowRankPair("w", ta, tb, 2);
            try (OptimizerGroups groups = new OptimizerGroups(
                    List.of(new OptimizerGroups.Group("loft", Loft.adamW(List.of(pair), config), 1e-2)))) {
                for (int step = 1; step <= 10; step++) {
                    double[][] g = gaussian(random, m, n);
                    LowRankGradients.backward(pair, tensor(g));
                    StepReport report = groups.step(1, maxNorm);
                    groups.zeroGrad();
                    double norm = expected.step(g, 1e-2, maxNorm);
                    assertEquals(norm, report.gradNorm(), 1e-9 * norm, "seed " + seed + ", norm at step " + step);
                    assertClose(expected.a, ta, "seed " + seed + ", A at step " + step);
                    assertClose(expected.b, tb, "seed " + seed + ", B at step " + step);
                }
            }
        }
    }

    /** Factors of float32 have no room for a bound that is no bound. */
    @Test
    void itMovesFactorsOfFloat32() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = Tensors.of(new float[] {1, 2, -1, 0.5f}, 1, 4);
            Tensor b = Tensors.of(new float[] {0.5f, -1, 2}, 3, 1);
            a.set_requires_grad(true);
            b.set_requires_grad(true);
            LowRankPair pair = new LowRankPair("w", a, b, 2);
            try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.publishedCode())) {
                LowRankGradients.backward(pair, Tensors.of(new float[12], 3, 4).add(new Scalar(1.0)));
                loft.squaredGradNorm();
                loft.step(1e-2, 1);
            }
            assertNotEquals(0.5f, Tensors.toFloats(b)[0]);
        }
    }

    @Test
    void itHasNoBlocksToLeaveOut() {
        LoftConfig config = LoftConfig.publishedCode();
        assertThrows(ConfigException.class, () -> config.without(LoftBlock.CLIPPING));
    }
}
