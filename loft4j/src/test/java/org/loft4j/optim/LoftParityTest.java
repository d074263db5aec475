package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.loft4j.optim.Matrices.assertClose;
import static org.loft4j.optim.Matrices.gaussian;
import static org.loft4j.optim.Matrices.leaf;
import static org.loft4j.optim.Matrices.tensor;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.tensor.NativeScope;

class LoftParityTest {
    private static final long SEED = Long.getLong("tests.seed", 20260101L);

    /** Ten steps of random gradients against a plain float64 transcription of the equations. */
    @ParameterizedTest
    @CsvSource({"7, 5, 1, 0, 0", "12, 9, 3, 0.1, 0", "9, 20, 4, 0, 1.5", "300, 40, 2, 0.05, 3", "17, 17, 8, 0.1, 2"})
    void tenStepsFollowTheTranscription(int m, int n, int r, double decay, double maxNorm) {
        follow(m, n, r, maxNorm, LoftConfig.defaults().withWeightDecay(decay));
    }

    @ParameterizedTest
    @EnumSource(LoftBlock.class)
    void soTheyDoWithoutOneBlock(LoftBlock block) {
        LoftConfig config = LoftConfig.defaults().withWeightDecay(0.1).without(block);
        follow(12, 9, 3, 0, config);
        follow(9, 20, 4, 1.5, config);
    }

    @Test
    void soTheyDoWithoutAnyOfTheBlocks() {
        LoftBlock[] blocks = LoftBlock.values();
        for (int subset = 0; subset < 1 << blocks.length; subset++) {
            int bits = subset;
            Set<LoftBlock> without = Arrays.stream(blocks)
                    .filter(block -> (bits >> block.ordinal() & 1) == 1)
                    .collect(Collectors.toSet());
            follow(7, 6, 2, 2, LoftConfig.defaults().without(without.toArray(LoftBlock[]::new)));
        }
    }

    /** The tangent step, and the matched rate with both kinds of turns. */
    @ParameterizedTest
    @CsvSource({
        "7, 5, 1, 0, 0, true, false",
        "12, 9, 3, 0.1, 1.5, true, false",
        "9, 20, 4, 0.1, 0, true, true",
        "300, 40, 2, 0.05, 3, true, true",
        "12, 9, 3, 0.1, 1.5, false, true"
    })
    void soTheyDoInTheTangentSpaceAndAtAMatchedRate(
            int m, int n, int r, double decay, double maxNorm, boolean tangent, boolean matchRate) {
        LoftConfig config = LoftConfig.defaults().withWeightDecay(decay);
        follow(m, n, r, maxNorm, config.withTangent(tangent).withMatchRate(matchRate));
    }

    /** The clipping norm and the matched rate are those of the full gradient's parts, whatever the histories take in. */
    @ParameterizedTest
    @EnumSource(LoftBlock.class)
    void soTheyDoThereWithoutOneBlock(LoftBlock block) {
        LoftConfig config = LoftConfig.defaults().withWeightDecay(0.1).without(block);
        follow(12, 9, 3, 1.5, config.withTangent(true));
        follow(12, 9, 3, 1.5, config.withTangent(true).withMatchRate(true));
        follow(9, 20, 4, 1.5, config.withMatchRate(true));
    }

    private static void follow(int m, int n, int r, double maxNorm, LoftConfig config) {
        String what = "seed " + SEED + ", without " + config.without() + ", ";
        Random random = new Random(SEED);
        double[][] a = gaussian(random, r, n);
        double[][] b = gaussian(random, m, r);
        double scale = 2.0;
        LoftTranscription expected = new LoftTranscription(a, b, scale, config);
        try (NativeScope scope = new NativeScope()) {
            Tensor ta = leaf(a);
            Tensor tb = leaf(b);
            GradientProbe probe =
                    config.matchRate() ? new GradientProbe(tensor(new double[1][n]), leaf(new double[m][1])) : null;
            LowRankPair pair = new LowRankPair("w", ta, tb, scale, probe);
            try (OptimizerGroups groups = new OptimizerGroups(
                    List.of(new OptimizerGroups.Group("loft", Loft.adamW(List.of(pair), config), 1e-2)))) {
                for (int step = 1; step <= 10; step++) {
                    double[][] g = gaussian(random, m, n);
                    if (probe != null) {
                        double[][] direction = gaussian(random, 1, n);
                        probe.direction().copy_(tensor(direction));
                        expected.probe(direction[0]);
                    }
                    LowRankGradients.backward(pair, tensor(g));
                    StepReport report = groups.step(1, maxNorm);
                    groups.zeroGrad();
                    double norm = expected.step(g, 1e-2, maxNorm);
                    assertEquals(norm, report.gradNorm(), 1e-9 * norm, what + "clipping norm at step " + step);
                    assertClose(expected.a, ta, what + "A at step " + step);
                    assertClose(expected.b, tb, what + "B at step " + step);
                }
            }
        }
    }
}
