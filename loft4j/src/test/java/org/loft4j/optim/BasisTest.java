package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class BasisTest {
    private static final long SEED = Long.getLong("tests.seed", 67L);
    private static final Damping DAMPING = new Damping.Relative(1e-8);

    private static LowRankPair pair(Random random, int rows, int columns, boolean zeroB) {
        double[][] b = zeroB ? new double[rows][3] : Matrices.gaussian(random, rows, 3);
        return new LowRankPair("w", Matrices.tensor(Matrices.gaussian(random, 3, columns)), Matrices.tensor(b), 1);
    }

    /** As on a device, where they are made anew in one go; a factor of zeros is among them, as before the first step. */
    @Test
    void manyMadeAnewAtOnceAreTheSameBitForBit() {
        System.out.println("BasisTest seed " + SEED);
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            List<LowRankPair> pairs =
                    List.of(pair(random, 5, 7, false), pair(random, 4, 4, true), pair(random, 9, 3, false));
            for (Factor factor : Factor.values()) {
                List<Basis> singly = made(pairs, factor);
                List<Basis> together = made(pairs, factor);
                for (int i = 0; i < pairs.size(); i++) {
                    Tensor next = Matrices.tensor(Matrices.gaussian(
                            random, 3, (int) factor.wide(pairs.get(i)).size(1)));
                    Tensor before = factor.wide(pairs.get(i)).clone();
                    together.get(i).write(next);
                    factor.wide(pairs.get(i)).copy_(before);
                    singly.get(i).write(next);
                }
                assertAlike(singly, together);
            }
        }
    }

    /** Nothing was written: the zeros that B starts as. */
    @Test
    void theInverseOfNothingIsNothing() {
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = pair(new Random(SEED), 4, 6, true);
            List<Basis> bases = made(List.of(pair), Factor.B);
            Basis.makeAnew(bases);
            for (double value : Tensors.toDoubles(bases.get(0).inverse())) {
                assertTrue(value == 0, "the inverse of zero is " + value);
            }
            bases.forEach(Basis::close);
        }
    }

    private static List<Basis> made(List<LowRankPair> pairs, Factor factor) {
        return pairs.stream()
                .map(pair -> new Basis(pair, factor, DAMPING, Basis.zeros(pair)))
                .toList();
    }

    private static void assertAlike(List<Basis> singly, List<Basis> together) {
        Basis.makeAnew(together);
        for (int i = 0; i < singly.size(); i++) {
            Basis one = singly.get(i);
            Basis other = together.get(i);
            assertTrue(Tensors.bitEqual(one.gram(), other.gram()), "S of " + i);
            assertTrue(Tensors.bitEqual(one.inverse(), other.inverse()), "inverse of " + i);
            assertTrue(Tensors.bitEqual(one.carry(), other.carry()), "C of " + i);
            one.close();
            other.close();
        }
    }
}
