package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class AutogradFunctionTest {
    /** {@code y = a²·b}, whose gradient of a is said to be ten times as large as it is. */
    private static Tensor apply(Tensor a, Tensor b) {
        Tensor y;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            y = a.square().mul(b);
        }
        AutogradFunction.lead("no second derivative", y, List.of(a, b), List.of(a, b), (saved, gradient) -> {
            Tensor ofA = gradient.mul(saved.get(0)).mul(saved.get(1)).mul(new Scalar(20.0));
            return Arrays.asList(ofA, gradient.mul(saved.get(0).square()));
        });
        return y;
    }

    private static Tensor leaf(double... values) {
        Tensor leaf = Tensors.of(values, values.length).clone();
        leaf.set_requires_grad(true);
        return leaf;
    }

    @Test
    void theGradientsAreThoseThatItSays() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = leaf(2, -3);
            Tensor b = leaf(5, 7);
            Tensor y = apply(a, b);
            assertArrayEquals(new double[] {20, 63}, Tensors.toDoubles(y.detach()));
            y.mul(y).sum().backward();
            assertArrayEquals(new double[] {8000, -52920}, Tensors.toDoubles(a.grad()), 1e-9);
            assertArrayEquals(new double[] {160, 1134}, Tensors.toDoubles(b.grad()), 1e-9);
        }
    }

    @Test
    void whoAsksForNoGradientGetsNone() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = Tensors.of(new double[] {2}, 1);
            Tensor b = leaf(5);
            apply(a, b).sum().backward();
            assertArrayEquals(new double[] {4}, Tensors.toDoubles(b.grad()));
            assertFalse(apply(a, a).requires_grad());
        }
    }

    /** The graph outlives the scope of the forward pass, as graphs do. */
    @Test
    void theScopeOfTheForwardPassMayBeClosed() {
        try (NativeScope outer = new NativeScope()) {
            Tensor a = leaf(2);
            Tensor loss;
            try (NativeScope inner = new NativeScope()) {
                loss = inner.toEnclosing(apply(apply(a, a), a).sum());
            }
            loss.backward();
            // y = (a³)²·a with gradients 10·2·y·a and y²: ∂y = 20·8·2 = 320, of the inner one 20·4 + 4 = 84
            assertArrayEquals(new double[] {320 * 84 + 64}, Tensors.toDoubles(a.grad()), 1e-9);
        }
    }

    /** What belongs to a graph, walked or not, goes when it is gone. */
    @Test
    void nothingIsLeftOfGraphsThatAreGone() {
        AutogradFunction.sweep();
        long before = NativeScope.liveObjects();
        for (boolean walked : new boolean[] {true, false}) {
            try (NativeScope scope = new NativeScope()) {
                Tensor a = leaf(2);
                Tensor y = apply(a, a);
                apply(y, a);
                Tensor z = apply(y, y);
                if (walked) {
                    z.sum().backward();
                }
                AutogradFunction.sweep();
                assertTrue(NativeScope.liveObjects() > before);
            }
            AutogradFunction.sweep();
            assertEquals(before, NativeScope.liveObjects());
        }
    }

    @Test
    void aSecondWalkThroughAGraphThatIsNotRetainedIsRefused() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = leaf(2);
            Tensor y = apply(a, a).sum();
            y.backward();
            AutogradFunction.sweep();
            RuntimeException refused = assertThrows(RuntimeException.class, y::backward);
            assertTrue(refused.getMessage().contains("second backward pass"), refused.getMessage());
        }
    }

    @Test
    void aSavedTensorThatWasChangedIsNoticed() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = leaf(2);
            Tensor b = Tensors.of(new double[] {3}, 1);
            Tensor y = apply(a, b).sum();
            b.mul_(new Scalar(2.0));
            RuntimeException refused = assertThrows(RuntimeException.class, y::backward);
            assertTrue(refused.getMessage().contains("changed in place"), refused.getMessage());
        }
    }

    /** A backward pass in which such functions are built and walked, while others of the same walk are on their way. */
    @Test
    void functionsMayBeBuiltWhileOneIsWalked() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = leaf(2);
            Tensor b = leaf(3);
            Tensor sum = null;
            for (int i = 0; i < 5; i++) {
                Tensor y = apply(ActivationCheckpoint.apply(x -> apply(x, x), a), b);
                sum = sum == null ? y : sum.add(y);
            }
            sum.sum().backward();
            // y = c²·b, c = a³: 20·8·3 = 480 for c, which has 20·4 + 4 = 84 for a; 64 for b
            assertArrayEquals(new double[] {5 * 480 * 84}, Tensors.toDoubles(a.grad()), 1e-9);
            assertArrayEquals(new double[] {5 * 64}, Tensors.toDoubles(b.grad()), 1e-9);
        }
    }

    /** Each thread that builds one looks at those of the others. */
    @Test
    void threadsBuildSideBySide() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Callable<Double>> work = Collections.nCopies(4, () -> {
                double worst = 0;
                for (int turn = 1; turn <= 300; turn++) {
                    try (NativeScope scope = new NativeScope()) {
                        Tensor a = leaf(turn);
                        apply(apply(a, a), a).sum().backward();
                        // y = c²·a, c = a³: 20·c·a for c, which has 20·a² + a² for a; and c² for a
                        double expected = 20 * Math.pow(turn, 4) * 21 * Math.pow(turn, 2) + Math.pow(turn, 6);
                        worst = Math.max(worst, Math.abs(Tensors.toDoubles(a.grad())[0] - expected) / expected);
                    }
                }
                return worst;
            });
            for (Future<Double> worst : threads.invokeAll(work)) {
                assertTrue(worst.get() < 1e-12, "off by " + worst.get());
            }
        } finally {
            threads.shutdown();
        }
    }

    /** A graph that somebody keeps does not hide those behind it. */
    @Test
    void aGraphThatIsKeptStaysWhole() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = leaf(3);
            Tensor kept = apply(a, a).sum();
            for (int i = 0; i < 10; i++) {
                Tensor b = leaf(i);
                apply(b, b).sum().backward();
            }
            kept.backward();
            assertArrayEquals(new double[] {20 * 9 + 9}, Tensors.toDoubles(a.grad()), 1e-12);
        }
    }

    /** {@code y = x³}, whose gradient is said to be ten times as large as it is. */
    private static Tensor cubed(Tensor x) {
        Tensor y;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            y = x.pow(new Scalar(3.0));
        }
        return AutogradFunction.inPlaceOf(
                x,
                "no second derivative",
                y,
                List.of(x),
                (saved, gradient) -> List.of(gradient.mul(saved.get(0).square()).mul(new Scalar(30.0))));
    }

    @Test
    void theGradientTakesThePlaceOfThatOfTheInput() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = leaf(2, -3);
            Tensor y = cubed(cubed(a));
            assertArrayEquals(new double[] {512, -19683}, Tensors.toDoubles(y.detach()), 1e-9);
            // the same gradient goes to y and to a
            y.add(a).sum().backward();
            assertArrayEquals(new double[] {1 + 900 * 64 * 4, 1 + 900 * 729 * 9}, Tensors.toDoubles(a.grad()), 1e-6);
            assertArrayEquals(new double[] {2, -3}, Tensors.toDoubles(a.detach()));
            assertFalse(cubed(a.detach()).requires_grad());
        }
    }

    /** What is done in place to y is not done to x. */
    @Test
    void theInputIsAnotherTensor() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = leaf(2);
            Tensor x = a.mul(new Scalar(1.0));
            Tensor y = cubed(x);
            y.mul_(new Scalar(2.0));
            assertArrayEquals(new double[] {2}, Tensors.toDoubles(x.detach()));
            y.sum().backward();
            assertArrayEquals(new double[] {240}, Tensors.toDoubles(a.grad()), 1e-9);
        }
    }

    @Test
    void aGraphThatIsRetainedMayBeWalkedTwice() {
        try (NativeScope scope = new NativeScope()) {
            Tensor a = leaf(2);
            Tensor y = cubed(cubed(a)).sum();
            y.backward(new Tensor(), new BoolOptional(true), false, new TensorArrayRefOptional());
            y.backward();
            assertArrayEquals(new double[] {2 * 900 * 64 * 4}, Tensors.toDoubles(a.grad()), 1e-6);
            RuntimeException refused = assertThrows(RuntimeException.class, y::backward);
            assertTrue(refused.getMessage().contains("second time"), refused.getMessage());
        }
    }

    /** Saved tensors go with the walk, the rest with the graph. */
    @Test
    void nothingIsLeftOfWhatTookThePlaceOfItsInput() {
        AutogradFunction.sweep();
        long before = NativeScope.liveObjects();
        for (boolean walked : new boolean[] {true, false}) {
            try (NativeScope scope = new NativeScope()) {
                Tensor a = leaf(2);
                Tensor y;
                try (NativeScope forward = new NativeScope()) {
                    y = forward.toEnclosing(cubed(cubed(a)).sum());
                }
                if (walked) {
                    long built = NativeScope.liveObjects();
                    try (NativeScope pass = new NativeScope()) {
                        y.backward();
                    }
                    assertEquals(built - 2, NativeScope.liveObjects());
                }
            }
            AutogradFunction.sweep();
            assertEquals(before, NativeScope.liveObjects());
        }
    }
}
