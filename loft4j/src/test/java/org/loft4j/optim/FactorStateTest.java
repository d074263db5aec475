package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class FactorStateTest {
    private static final long SEED = Long.getLong("tests.seed", 83L);
    private static final int RANK = 3;
    private static final int LENGTH = 7;
    private static final double SCALE = 2;

    /** As autograd leaves it for A and for B, and as a part of something larger. */
    @Test
    void theScaledGradientIsTheSameHoweverTheGradientLies() {
        System.out.println("FactorStateTest seed " + SEED);
        Random random = new Random(SEED);
        double[][] values = Matrices.gaussian(random, RANK, LENGTH);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair(
                    "w",
                    Matrices.tensor(Matrices.gaussian(random, RANK, LENGTH)),
                    Matrices.tensor(Matrices.gaussian(random, LENGTH, RANK)),
                    SCALE);
            Tensor byRow = Matrices.tensor(values);
            Tensor byColumn = byRow.t().contiguous().t();
            Tensor part = Matrices.tensor(new double[RANK][LENGTH + 2])
                    .narrow(1, 1, LENGTH)
                    .copy_(byRow);
            try (Basis basis = new Basis(pair, Factor.B, LoftConfig.defaults().damping())) {
                Tensor expected = basis.inverse().mm(byRow).div(new Scalar(SCALE));
                for (Tensor grad : List.of(byRow, byColumn, part)) {
                    long memory = grad.data_ptr().address();
                    try (FactorState state = new FactorState(
                            LoftConfig.defaults(), new AdamWUpdate(LoftConfig.defaults(), pair.loraA()))) {
                        state.scale(grad, basis, SCALE);
                        assertTrue(Tensors.bitEqual(expected, state.scaledGrad()), "" + grad.strides());
                        assertEquals(
                                grad != part,
                                memory == state.scaledGrad().data_ptr().address(),
                                "in its memory");
                    }
                }
            }
        }
    }

    /** The gradients are gone once they have been read: they cannot be taken for gradients again. */
    @Test
    void gradientsAreReadOnce() {
        Random random = new Random(SEED);
        try (NativeScope scope = new NativeScope()) {
            LowRankPair pair = new LowRankPair(
                    "w",
                    Matrices.tensor(Matrices.gaussian(random, RANK, LENGTH)).set_requires_grad(true),
                    Matrices.tensor(Matrices.gaussian(random, LENGTH, RANK)).set_requires_grad(true),
                    SCALE);
            try (Optimizer loft = Loft.adamW(List.of(pair), LoftConfig.defaults())) {
                LowRankGradients.backward(pair, Matrices.tensor(Matrices.gaussian(random, LENGTH, LENGTH)));
                assertTrue(loft.squaredGradNorm() > 0);
                assertTrue(
                        !pair.loraA().grad().defined() && !pair.loraB().grad().defined());
                assertThrows(IllegalStateException.class, loft::squaredGradNorm);
            }
        }
    }
}
