package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;
import org.loft4j.tensor.Threads;

/** A quantised layer against a dense one that holds the same numbers. */
class TiledProductTest {
    private static final long SEED = 7;

    private static Tensor random(Dtype dtype, String name, long... shape) {
        return Tensors.empty(Dtype.F32, DeviceSpec.CPU, shape)
                .normal_(
                        0,
                        1,
                        new org.bytedeco.pytorch.GeneratorOptional(
                                ParameterSpec.generator(Seeds.derive(SEED, name, 0))))
                .to(dtype.scalarType());
    }

    /** Of a 7 B model only the vectors of tokens are more than one tile there. */
    @Test
    void aDeviceTakesMoreAtOnce() {
        List<Long> counts = new ArrayList<>();
        TiledProduct.eachTile(
                11008, 4096, 1, new DeviceSpec(DeviceSpec.Kind.CUDA, 0), (start, count) -> counts.add(count));
        TiledProduct.eachTile(
                32000, 4096, 64, new DeviceSpec(DeviceSpec.Kind.CUDA, 0), (start, count) -> counts.add(count));
        assertEquals(List.of(11008L, 16384L, 15616L), counts);
        counts.clear();
        TiledProduct.eachTile(11008, 4096, 1, DeviceSpec.CPU, (start, count) -> counts.add(count));
        assertEquals(43, counts.size());
    }

    /** Which lane widens a tile changes nothing: inside a lane all tiles follow one another. */
    @ParameterizedTest
    @CsvSource({"INT8, F32", "NF4, F32", "INT8, BF16", "NF4, BF16"})
    void lanesComputeWhatOneThreadDoes(LoadIn loadIn, Dtype dtype) {
        try (Threads three = Threads.of(3);
                NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(loadIn, random(Dtype.F32, "w", 4100, 1100), dtype, false)) {
            for (long rows : new long[] {1, 40}) {
                Tensor x = random(dtype, "x", rows, 1100);
                Tensor gradient = random(dtype, "gradient", rows, 4100);
                Tensor y = weight.product(x, random(dtype, "bias", 4100));
                Tensor gradX = weight.gradientOfInput(gradient);
                // as many tasks as lanes: each is inside one
                Lanes.run(3, i -> {
                    assertTrue(torch.equal(y, weight.product(x, random(dtype, "bias", 4100))));
                    assertTrue(torch.equal(gradX, weight.gradientOfInput(gradient)));
                });
            }
        }
    }

    /** More lanes than tiles of that size may be widened at once: theirs are smaller than those of one lane. */
    @ParameterizedTest
    @CsvSource({"INT8, F32, 1", "NF4, F32, 1", "NF4, F32, 7", "NF4, BF16, 7", "NF4, F64, 3"})
    void fewRowsDoNotDependOnTheCuts(LoadIn loadIn, Dtype dtype, long rows) {
        try (Threads many = Threads.of(20);
                NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(loadIn, random(Dtype.F32, "w", 3000, 1100), dtype, false)) {
            Tensor x = random(dtype, "x", rows, 1100);
            Tensor y = answer(weight, x);
            Lanes.run(2, i -> assertTrue(torch.equal(y, answer(weight, x))));
        }
    }

    private static Tensor answer(QuantizedWeight weight, Tensor x) {
        try (Inference inference = Inference.open()) {
            return weight.product(x, null);
        }
    }

    /** As a layer is whose activations are not kept: computed once without gradients, and again with them. */
    @ParameterizedTest
    @EnumSource(
            value = LoadIn.class,
            names = {"INT8", "NF4"})
    void aBiasThatLearnsIsAddedTheSameWayWithoutGradients(LoadIn loadIn) {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(loadIn, random(Dtype.F32, "w", 700, 1100), Dtype.F32, false)) {
            Tensor x = random(Dtype.F32, "x", 40, 1100);
            Tensor bias = leaf(random(Dtype.F32, "bias", 700));
            Tensor y = weight.product(x, bias);
            try (AutoGradMode frozen = new AutoGradMode(false)) {
                assertTrue(torch.equal(y, weight.product(x, bias)));
            }
        }
    }

    private static Tensor leaf(Tensor values) {
        Tensor leaf = values.detach().clone();
        leaf.set_requires_grad(true);
        return leaf;
    }

    private static double relative(Tensor actual, Tensor expected) {
        Tensor wide = expected.to(Dtype.F64.scalarType());
        return actual.to(Dtype.F64.scalarType()).sub(wide).norm().item_double()
                / wide.norm().item_double();
    }

    /** What two layers in a row, with a pair of factors beside the first, give for x and the factors. */
    private record Result(Tensor y, Tensor gradX, Tensor gradA, Tensor gradB) {
        static Result of(WeightMatrix first, WeightMatrix second, @Nullable Tensor bias, Tensor input) {
            Dtype dtype = first.dtype();
            Tensor x = leaf(input);
            Tensor a = leaf(random(dtype, "a", 4, first.in()));
            Tensor b = leaf(random(dtype, "b", first.out(), 4));
            Tensor hidden = first.product(x, bias).add(x.matmul(a.t()).matmul(b.t()));
            Tensor y = second.product(torch.tanh(hidden), null);
            y.mul(random(dtype, "loss", second.out())).sum().backward();
            return new Result(y.detach(), x.grad(), a.grad(), b.grad());
        }

        void assertNear(Result dense, double tolerance) {
            assertTrue(relative(y, dense.y) <= tolerance, "y " + relative(y, dense.y));
            assertTrue(relative(gradX, dense.gradX) <= tolerance, "x " + relative(gradX, dense.gradX));
            assertTrue(relative(gradA, dense.gradA) <= tolerance, "A " + relative(gradA, dense.gradA));
            assertTrue(relative(gradB, dense.gradB) <= tolerance, "B " + relative(gradB, dense.gradB));
        }
    }

    /** Layers of several tiles either way; the tolerances are some roundings of the dtype. */
    @ParameterizedTest
    @CsvSource({
        "INT8, F64, 1e-14",
        "NF4, F64, 1e-14",
        "INT8, F32, 1e-6",
        "NF4, F32, 1e-6",
        "INT8, BF16, 8e-3",
        "NF4, BF16, 8e-3"
    })
    void outputAndGradientsAreThoseOfTheDenseLayer(LoadIn loadIn, Dtype dtype, double tolerance) {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight first =
                        QuantizedWeight.of(loadIn, random(Dtype.F32, "first", 2000, 1100), dtype, false);
                QuantizedWeight second =
                        QuantizedWeight.of(loadIn, random(Dtype.F32, "second", 900, 2000), dtype, false)) {
            Tensor bias = random(dtype, "bias", 2000);
            for (long[] shape : new long[][] {{7, 1100}, {2, 3, 1100}, {1100}}) {
                Tensor x = random(dtype, "x", shape).mul(new org.bytedeco.pytorch.Scalar(0.01));
                Result dense = Result.of(new DenseWeight(first.dense()), new DenseWeight(second.dense()), bias, x);
                Result few = Result.of(first, second, bias, x);
                few.assertNear(dense, tolerance);
            }
        }
    }

    /** As of a text of nothing. */
    @Test
    void noRowsAreNone() {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(LoadIn.NF4, random(Dtype.F32, "w", 70, 64), Dtype.BF16, false)) {
            assertEquals(0, answer(weight, random(Dtype.BF16, "x", 0, 64)).size(0));
        }
    }

    /** Few rows of an answer in a half type: what is widened is not rounded, so the answer is nearer to the numbers that are stored. */
    @ParameterizedTest
    @CsvSource({"INT8, BF16, 1", "NF4, BF16, 1", "NF4, BF16, 16", "NF4, F16, 3", "INT8, BF16, 12", "NF4, BF16, 17"})
    void aHalfTypesAnswerIsRoundedOnce(LoadIn loadIn, Dtype dtype, long rows) {
        Tensor w = random(Dtype.F32, "w", 2000, 1100);
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight = QuantizedWeight.of(loadIn, w, dtype, false)) {
            Tensor bias = random(dtype, "bias", 2000);
            Tensor x = random(dtype, "x", rows, 1100);
            Tensor exact = x.to(ScalarType.Double)
                    .mm(weight.wideRows(0, 2000).to(ScalarType.Double).t())
                    .add(bias);
            try (Inference inference = Inference.open()) {
                Tensor y = weight.product(x, bias);
                assertEquals(dtype, Dtype.of(y));
                double once = relative(exact.to(dtype.scalarType()), exact);
                double own = relative(y, exact);
                assertTrue(
                        rows <= 16 && Engine.hasSmallKernels() || rows == 1 ? own <= 1.01 * once : own > once,
                        own + " beside " + once);
            }
        }
    }

    /** An output embedding: so many rows that a tile of columns cannot be as small as others are. */
    @ParameterizedTest
    @CsvSource({"INT8, F64, 1e-14", "NF4, F64, 1e-14", "NF4, F32, 1e-6"})
    void aTallMatrixIsThatOfTheDenseLayer(LoadIn loadIn, Dtype dtype, double tolerance) {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight tall =
                        QuantizedWeight.of(loadIn, random(Dtype.F32, "tall", 20000, 200), dtype, false)) {
            Tensor dense = tall.dense();
            Tensor x = leaf(random(dtype, "x", 6, 200));
            Tensor direction = random(dtype, "loss", 6, 20000);
            Tensor y = tall.product(x, null);
            y.mul(direction).sum().backward();
            assertTrue(relative(y, x.detach().mm(dense.t())) <= tolerance);
            assertTrue(relative(x.grad(), direction.mm(dense)) <= tolerance);
        }
    }

    @Test
    void aBiasThatLearnsGetsItsGradient() {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(LoadIn.INT8, random(Dtype.F32, "w", 5, 6), Dtype.F32, false)) {
            Tensor bias = leaf(random(Dtype.F32, "bias", 5));
            Tensor x = leaf(random(Dtype.F32, "x", 3, 6));
            weight.product(x.detach(), bias).sum().backward();
            weight.product(x, bias).sum().backward();
            assertEquals(6, bias.grad().select(0, 2).item_double());
            assertTrue(relative(x.grad(), torch.ones(3, 5).mm(weight.dense())) < 1e-6);
        }
    }

    /** One matrix used twice in a graph, and a graph that is walked twice. */
    @Test
    void aSharedMatrixAndASecondWalkAddUp() {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(LoadIn.NF4, random(Dtype.F32, "w", 64, 64), Dtype.F32, false)) {
            Tensor dense = weight.dense();
            Tensor x = leaf(random(Dtype.F32, "x", 3, 64));
            Tensor y = weight.product(weight.product(x, null), null).sum();
            y.backward(new Tensor(), new BoolOptional(true), false, new TensorArrayRefOptional());
            y.backward();
            Tensor expected = torch.ones(3, 64).matmul(dense).matmul(dense).mul(new org.bytedeco.pytorch.Scalar(2));
            assertTrue(relative(x.grad(), expected) < 1e-6);
        }
    }

    @Test
    void aSecondDerivativeIsRefused() {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(LoadIn.INT8, random(Dtype.F32, "w", 5, 6), Dtype.F32, false)) {
            Tensor x = leaf(random(Dtype.F32, "x", 3, 6));
            Tensor y = weight.product(x, null).sum();
            RuntimeException refused = assertThrows(
                    RuntimeException.class,
                    () -> y.backward(new Tensor(), new BoolOptional(true), true, new TensorArrayRefOptional()));
            assertTrue(refused.getMessage().contains("second derivative"), refused.getMessage());
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"INT8", "NF4"})
    void threadsShareAMatrix(LoadIn loadIn) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(loadIn, random(Dtype.F32, "w", 300, 200), Dtype.F32, false)) {
            Tensor dense = weight.dense();
            List<Callable<Double>> work = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                String name = "x" + i;
                work.add(() -> {
                    double worst = 0;
                    for (int turn = 0; turn < 50; turn++) {
                        try (NativeScope own = new NativeScope()) {
                            Tensor x = leaf(random(Dtype.F32, name + turn, 5, 200));
                            Tensor direction = random(Dtype.F32, name, 5, 300);
                            weight.product(x, null).mul(direction).sum().backward();
                            worst = Math.max(worst, relative(x.grad(), direction.mm(dense)));
                        }
                    }
                    return worst;
                });
            }
            for (Future<Double> worst : threads.invokeAll(work)) {
                assertTrue(worst.get() < 1e-6, "off by " + worst.get());
            }
        } finally {
            threads.shutdown();
        }
    }

    /** Nothing is left after many steps, and in a step no more than tiles beside the stored bytes. */
    @Test
    void stepsLeaveNothing() {
        try (NativeScope scope = new NativeScope();
                QuantizedWeight weight =
                        QuantizedWeight.of(LoadIn.NF4, random(Dtype.F32, "w", 128, 128), Dtype.F32, false)) {
            long before = -1;
            for (int step = 0; step < 300; step++) {
                try (NativeScope own = new NativeScope()) {
                    Tensor x = leaf(random(Dtype.F32, "x", 5, 128));
                    weight.product(x, null).sum().backward();
                }
                AutogradFunction.sweep();
                if (step == 10) {
                    before = LiveObjects.settled();
                }
            }
            assertEquals(before, NativeScope.liveObjects());
        }
    }
}
