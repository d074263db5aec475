package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.optim.Matrices.gaussian;
import static org.loft4j.optim.Matrices.leaf;
import static org.loft4j.optim.Matrices.tensor;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.loft4j.ConfigException;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class LoftBlocksTest {
    private static final long SEED = Long.getLong("tests.seed", 31L);
    private static final int M = 8;
    private static final int N = 6;
    private static final int R = 3;

    @Test
    void withoutAnyBlockAndWithScaleOneItIsAdamWOnBothFactors() {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            double[][] a = gaussian(random, R, N);
            double[][] b = gaussian(random, M, R);
            LowRankPair loft = new LowRankPair("w", leaf(a), leaf(b), 1);
            LowRankPair lora = new LowRankPair("w", leaf(a), leaf(b), 1);
            LoftConfig none = LoftConfig.defaults().withWeightDecay(0.1).without(LoftBlock.values());
            try (Optimizer ours = Loft.adamW(List.of(loft), none);
                    Optimizer adamW = new AdamW(
                            List.of(new NamedParameter("a", lora.loraA()), new NamedParameter("b", lora.loraB())),
                            AdamWConfig.defaults().withWeightDecay(0.1))) {
                for (int i = 0; i < 10; i++) {
                    Tensor g = tensor(gaussian(random, M, N));
                    LowRankGradients.backward(loft, g);
                    LowRankGradients.backward(lora, g);
                    double norm = adamW.squaredGradNorm();
                    assertEquals(norm, ours.squaredGradNorm(), 1e-12 * norm, "seed " + SEED);
                    ours.step(1e-2, 0.9);
                    adamW.step(1e-2, 0.9);
                    ours.zeroGrad();
                    adamW.zeroGrad();
                }
            }
            assertTrue(distance(loft.loraA(), lora.loraA()) <= 1e-13, "seed " + SEED);
            assertTrue(distance(loft.loraB(), lora.loraB()) <= 1e-13, "seed " + SEED);
        }
    }

    static Stream<LoftConfig> variants() {
        LoftConfig all = LoftConfig.defaults();
        return Stream.of(
                all.without(LoftBlock.ALTERNATION),
                all.withTangent(true).withMatchRate(true),
                all.without(LoftBlock.PROJECTED_UPDATE),
                all.without(LoftBlock.ALTERNATION, LoftBlock.SECOND_MOMENT),
                LoftConfig.publishedCode());
    }

    @ParameterizedTest
    @MethodSource("variants")
    void aSavedStateGoesOnBitForBit(LoftConfig config) {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair =
                    new LowRankPair("w", leaf(gaussian(random, R, N)), leaf(gaussian(random, M, R)), 2, probe(random));
            Map<String, Tensor> saved = new TreeMap<>();
            LowRankPair again;
            List<Tensor> grads = Stream.generate(() -> tensor(gaussian(random, M, N)))
                    .limit(8)
                    .toList();
            try (Optimizer straight = Loft.adamW(List.of(pair), config)) {
                run(straight, pair, grads.subList(0, 3));
                straight.state().forEach((name, tensor) -> saved.put(name, tensor.clone()));
                again = new LowRankPair("w", copy(pair.loraA()), copy(pair.loraB()), 2, pair.probe());
                run(straight, pair, grads.subList(3, 8));
            }
            try (Optimizer resumed = Loft.adamW(List.of(again), config)) {
                resumed.loadState(saved);
                Tensor a = again.loraA().detach().clone();
                Tensor b = again.loraB().detach().clone();
                run(resumed, again, grads.subList(3, 8));
                assertTrue(Tensors.bitEqual(pair.loraA(), again.loraA()));
                assertTrue(Tensors.bitEqual(pair.loraB(), again.loraB()));
                // and once more from there, with nothing left of the steps in between
                again.loraA().detach().copy_(a);
                again.loraB().detach().copy_(b);
                resumed.loadState(saved);
                run(resumed, again, grads.subList(3, 8));
            }
            assertTrue(Tensors.bitEqual(pair.loraA(), again.loraA()), "A, reloaded");
            assertTrue(Tensors.bitEqual(pair.loraB(), again.loraB()), "B, reloaded");
        }
    }

    @ParameterizedTest
    @MethodSource("variants")
    void fromBZeroItStaysFinite(LoftConfig config) {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair =
                    new LowRankPair("w", leaf(gaussian(random, R, N)), leaf(new double[M][R]), 2, probe(random));
            try (Optimizer loft = Loft.adamW(List.of(pair), config)) {
                for (int i = 0; i < 6; i++) {
                    run(loft, pair, List.of(tensor(gaussian(random, M, N))));
                }
            }
            double norm =
                    pair.loraA().norm().item_double() + pair.loraB().norm().item_double();
            assertTrue(Double.isFinite(norm), "seed " + SEED);
        }
    }

    /** By these names older checkpoints are read. */
    @Test
    void theStateHasItsNames() {
        LoftConfig all = LoftConfig.defaults();
        Set<String> moments = ofBoth("exp_avg", "exp_avg_sq", "exp_avg_sq.kept_in");
        moments.add("step");
        Set<String> guarded = ofBoth("step_share", "swing");
        guarded.addAll(moments);
        guarded.add("w.overlap");
        assertEquals(guarded, names(all));
        Set<String> together = ofBoth("overlap");
        together.addAll(moments);
        assertEquals(together, names(all.without(LoftBlock.ALTERNATION)));
        together.add("w.rate_match");
        assertEquals(together, names(all.withTangent(true).withMatchRate(true)));
    }

    private static Set<String> ofBoth(String... kept) {
        return Stream.of(kept)
                .flatMap(name -> Stream.of("w.lora_A." + name, "w.lora_B." + name))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> names(LoftConfig config) {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair =
                    new LowRankPair("w", leaf(gaussian(random, R, N)), leaf(gaussian(random, M, R)), 2, probe(random));
            try (Optimizer loft = Loft.adamW(List.of(pair), config)) {
                return new TreeSet<>(loft.state().keySet());
            }
        }
    }

    /** Clipping is of the norm alone: where nothing is clipped, a step without it is the same, its matched rate too. */
    @Test
    void withoutClippingTheRateIsMatchedAlike() {
        LoftConfig all = LoftConfig.defaults();
        for (LoftConfig config : List.of(all.withTangent(true).withMatchRate(true), all.withMatchRate(true), all)) {
            List<double[]> with = moved(config);
            List<double[]> without = moved(config.without(LoftBlock.CLIPPING));
            assertArrayEquals(with.get(0), without.get(0), 0, config.toString());
            assertArrayEquals(with.get(1), without.get(1), 0, config.toString());
        }
        assertFalse(
                Arrays.equals(moved(all).get(1), moved(all.withMatchRate(true)).get(1)), "the rate is raised");
    }

    private static List<double[]> moved(LoftConfig config) {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair =
                    new LowRankPair("w", leaf(gaussian(random, R, N)), leaf(gaussian(random, M, R)), 2, probe(random));
            try (Optimizer loft = Loft.adamW(List.of(pair), config)) {
                for (int i = 0; i < 4; i++) {
                    LowRankGradients.backward(pair, tensor(gaussian(random, M, N)));
                    loft.squaredGradNorm();
                    loft.step(1e-2, 1);
                    loft.zeroGrad();
                }
            }
            return List.of(
                    Tensors.toDoubles(pair.loraA().detach()),
                    Tensors.toDoubles(pair.loraB().detach()));
        }
    }

    @Test
    void wordsAreReadBackAndWrongOnesAreNamed() {
        for (LoftBlock block : LoftBlock.values()) {
            assertEquals(block, LoftBlock.parse(block.word()));
        }
        assertEquals(
                "gradient-scaling, clipping", LoftBlock.words(Set.of(LoftBlock.CLIPPING, LoftBlock.GRADIENT_SCALING)));
        ConfigException wrong = assertThrows(ConfigException.class, () -> LoftBlock.parse("alternating"));
        assertTrue(String.valueOf(wrong.getMessage()).endsWith("clipping, got alternating"), wrong.getMessage());
    }

    private static void run(Optimizer optimizer, LowRankPair pair, List<Tensor> grads) {
        for (Tensor grad : grads) {
            LowRankGradients.backward(pair, grad);
            optimizer.squaredGradNorm();
            optimizer.step(1e-2, 0.7);
            optimizer.zeroGrad();
        }
    }

    private static GradientProbe probe(Random random) {
        return new GradientProbe(tensor(gaussian(random, 1, N)), leaf(new double[M][1]));
    }

    private static Tensor copy(Tensor leaf) {
        Tensor copy = leaf.detach().clone();
        copy.set_requires_grad(true);
        return copy;
    }

    private static double distance(Tensor actual, Tensor expected) {
        return actual.sub(expected).norm().item_double() / expected.norm().item_double();
    }
}
