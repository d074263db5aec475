package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.loft4j.optim.Matrices.gaussian;
import static org.loft4j.optim.Matrices.leaf;
import static org.loft4j.optim.Matrices.tensor;

import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class MuonTest {
    private static final MuonConfig CONFIG = new MuonConfig(0.9, 0.1);

    private final Random random = new Random(3);

    private static Muon open(Tensor w) {
        return new Muon(List.of(new NamedParameter("w", w)), CONFIG);
    }

    /** The squared norm of the gradients, and a step by a share of them. */
    private static double move(Muon muon, Tensor w, Tensor gradient, double gradScale) {
        w.mul(gradient).sum().backward();
        double norm = muon.squaredGradNorm();
        muon.step(1e-2, gradScale);
        muon.zeroGrad();
        return norm;
    }

    @Test
    void theNormIsThatOfTheGradients() {
        try (NativeScope scope = new NativeScope()) {
            Tensor w = leaf(gaussian(random, 4, 3));
            Tensor gradient = tensor(gaussian(random, 4, 3));
            try (Muon muon = open(w)) {
                double expected = gradient.square().sum().item_double();
                assertEquals(expected, move(muon, w, gradient, 1), 1e-12 * expected);
            }
        }
    }

    /** A clipped gradient has its share of the momentum; of a first step alone Muon would not tell its size. */
    @Test
    void aClippedGradientIsTheSmallerOne() {
        try (NativeScope scope = new NativeScope()) {
            double[][] start = gaussian(random, 4, 3);
            Tensor first = tensor(gaussian(random, 4, 3));
            Tensor second = tensor(gaussian(random, 4, 3));
            Tensor clipped = leaf(start);
            Tensor smaller = leaf(start);
            Tensor whole = leaf(start);
            try (Muon a = open(clipped);
                    Muon b = open(smaller);
                    Muon c = open(whole)) {
                move(a, clipped, first, 0.25);
                move(a, clipped, second, 1);
                move(b, smaller, first.mul(new Scalar(0.25)), 1);
                move(b, smaller, second, 1);
                move(c, whole, first, 1);
                move(c, whole, second, 1);
            }
            assertTrue(Tensors.bitEqual(clipped, smaller));
            assertFalse(clipped.allclose(whole));
        }
    }

    @Test
    void aSavedStateGoesOnBitForBit() {
        try (NativeScope scope = new NativeScope()) {
            Tensor w = leaf(gaussian(random, 4, 3));
            Tensor again;
            List<Tensor> gradients = List.of(tensor(gaussian(random, 4, 3)), tensor(gaussian(random, 4, 3)));
            Map<String, Tensor> saved = new TreeMap<>();
            try (Muon straight = open(w)) {
                move(straight, w, gradients.get(0), 1);
                straight.state().forEach((name, tensor) -> saved.put(name, tensor.clone()));
                again = w.detach().clone();
                again.set_requires_grad(true);
                move(straight, w, gradients.get(1), 1);
            }
            try (Muon resumed = open(again)) {
                resumed.loadState(saved);
                move(resumed, again, gradients.get(1), 1);
                assertEquals(saved.keySet(), resumed.state().keySet());
            }
            assertTrue(Tensors.bitEqual(w, again));
        }
    }
}
