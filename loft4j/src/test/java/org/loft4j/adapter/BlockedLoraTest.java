package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.nn.Linear;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomStream;
import org.loft4j.tensor.Tensors;

/** The layers as one function in a lane, beside the same layers in float64, which autograd takes apart. */
class BlockedLoraTest {
    private static final int ROWS = 100;

    @BeforeAll
    static void whereItIsUsed() {
        Assumptions.assumeTrue(Engine.hasSmallKernels(), "OpenBLAS has no small kernels for this processor");
    }

    @Test
    void oneLayer() {
        inLane(() -> compare(300, new int[] {700}, 16, true, true, 1));
    }

    @Test
    void severalLayersOnTheSameInput() {
        inLane(() -> compare(300, new int[] {300, 150, 150}, 4, true, true, 3));
    }

    /** One of the magnitudes is zero. */
    @Test
    void layersWithMagnitudes() {
        inLane(() -> compare(300, new int[] {300, 150, 150}, 4, true, false, 3, true));
        inLane(() -> compare(300, new int[] {700}, 4, true, true, 1, true));
    }

    /** LoFT-tangent's, in training alone. */
    @Test
    void layersWithProbes() {
        inLane(() -> compare(300, new int[] {300, 150, 150}, 4, true, true, 3, false, true));
        inLane(() -> compare(300, new int[] {700}, 16, false, false, 1, false, true));
    }

    /** In training alone; each layer drops numbers of its own, and those that the layers drop one by one. */
    @Test
    void layersWithDropout() {
        inLane(() -> compare(300, new int[] {300, 150, 150}, 4, true, true, 3, false, false, 0.3));
        inLane(() -> compare(300, new int[] {700}, 16, false, false, 1, false, true, 0.1));
        inLane(() -> compare(1700, new int[] {128, 64}, 8, true, false, 2, false, true, 0.5));
    }

    /** DoRA's base reads what dropout leaves as well. */
    @Test
    void layersThatDropForDoraAreLeftToAutograd() {
        inLane(() -> {
            try (NativeScope scope = new NativeScope();
                    RandomStream stream = RandomStream.open(1)) {
                Random random = new Random(3);
                Tensor x = values(random, Dtype.F32, 2 * ROWS, 300);
                List<LoraLinear> dora = layers(random, 300, new int[] {700}, 4, Dtype.F32, false, true, 0.1);
                List<LoraLinear> some = new ArrayList<>(dora);
                some.addAll(layers(random, 300, new int[] {700}, 4, Dtype.F32, false));
                assertTrue(BlockedLora.takes(some, x));
                dora.get(0).setTraining(true);
                assertFalse(BlockedLora.takes(dora, x));
                assertFalse(BlockedLora.takes(some, x));
            }
        });
    }

    @Test
    void inputsWithoutAGradient() {
        inLane(() -> compare(300, new int[] {400, 200}, 2, false, false, 2));
    }

    /** As values are whose attention nobody looks at: what is not used has no gradient, and the rest has theirs. */
    @Test
    void resultsThatNobodyUses() {
        inLane(() -> compare(300, new int[] {400, 200}, 1, true, true, 1));
    }

    @Test
    void wideWeights() {
        inLane(() -> compare(1700, new int[] {128, 64}, 8, true, false, 2));
    }

    @Test
    void rankOne() {
        inLane(() -> compare(300, new int[] {700, 300}, 1, true, true, 2));
    }

    /** Rows that lie apart, or are one and the same: of inputs and of gradients. */
    @Test
    void rowsThatDoNotFollowEachOther() {
        inLane(() -> {
            try (NativeScope scope = new NativeScope()) {
                Random random = new Random(3);
                LoraLinear layer = layers(random, 300, new int[] {700}, 4, Dtype.F32, false)
                        .get(0);
                Tensor one = values(random, Dtype.F32, 1, 300);
                Tensor same = one.expand(2 * ROWS, 300);
                Tensor turned = values(random, Dtype.F32, 300, 2 * ROWS).t();
                for (Tensor x : List.of(same, turned)) {
                    Tensor leaf = x.detach();
                    leaf.set_requires_grad(true);
                    Tensor y = layer.forward(layer.base(), leaf);
                    Tensor whole = layer.base().weight().add(layer.delta());
                    assertTrue(off(y.detach(), x.mm(whole.t())) < 1e-5);
                    y.sum(0).sum().backward();
                    assertTrue(off(leaf.grad(), whole.sum(0).expand(2 * ROWS, 300)) < 1e-5);
                }
            }
        });
    }

    /** LoRA-FA's, of which the input is not kept. */
    @Test
    void aFrozenA() {
        inLane(() -> {
            try (NativeScope scope = new NativeScope()) {
                Random random = new Random(3);
                LoraLinear layer = layers(random, 300, new int[] {700}, 4, Dtype.F32, false)
                        .get(0);
                layer.loraA().set_requires_grad(false);
                Tensor x = values(random, Dtype.F32, 2 * ROWS, 300);
                Tensor before = x.clone();
                Tensor y = layer.forward(layer.base(), x);
                x.zero_();
                y.sum().backward();
                Tensor expected = before.mm(layer.loraA().t())
                        .sum(0)
                        .mul(new Scalar(layer.scale()))
                        .expand(700, 4);
                assertTrue(off(layer.loraB().grad(), expected) < 1e-5);
                assertFalse(layer.loraA().grad().defined());
            }
        });
    }

    @Test
    void factorsThatHaveChangedMeanwhileAreRefused() {
        inLane(() -> {
            try (NativeScope scope = new NativeScope()) {
                Random random = new Random(3);
                LoraLinear layer = layers(random, 300, new int[] {700}, 4, Dtype.F32, false)
                        .get(0);
                Tensor y = layer.forward(layer.base(), values(random, Dtype.F32, 2 * ROWS, 300));
                try (AutoGradMode frozen = new AutoGradMode(false)) {
                    layer.loraB().add_(new Scalar(1.0));
                }
                RuntimeException refused =
                        assertThrows(RuntimeException.class, () -> y.sum().backward());
                assertTrue(refused.getMessage().contains("changed in place"), refused.getMessage());
            }
        });
    }

    /** An expert's own bias, which the layer that keeps the adapter does not have. */
    @Test
    void theBiasIsThatOfTheLayerThatIsAsked() {
        inLane(() -> {
            try (NativeScope scope = new NativeScope()) {
                Random random = new Random(3);
                LoraLinear layer = layers(random, 300, new int[] {700}, 4, Dtype.F32, false)
                        .get(0);
                Tensor bias = values(random, Dtype.F32, 700);
                Linear asked = new Linear("pass", layer.base().weight(), bias);
                Tensor x = values(random, Dtype.F32, 2 * ROWS, 300);
                Tensor without = layer.forward(layer.base(), x).detach();
                assertTrue(off(layer.forward(asked, x).detach(), without.add(bias)) < 1e-6);
            }
        });
    }

    private static double off(Tensor found, Tensor exact) {
        return found.sub(exact).abs().max().item_double() / exact.abs().max().item_double();
    }

    @Test
    void otherTypesAndFewRowsAreLeftToAutograd() {
        inLane(() -> {
            Random random = new Random(3);
            List<LoraLinear> wide = layers(random, 300, new int[] {700}, 4, Dtype.F64, false);
            assertFalse(BlockedLora.takes(wide, values(random, Dtype.F64, ROWS, 300)));
            List<LoraLinear> narrow = layers(random, 300, new int[] {700}, 4, Dtype.F32, false);
            assertTrue(BlockedLora.takes(narrow, values(random, Dtype.F32, 2 * ROWS, 300)));
            assertFalse(BlockedLora.takes(narrow, values(random, Dtype.F32, 60, 300)));
            narrow.get(0).base().weight().set_requires_grad(true);
            assertFalse(BlockedLora.takes(narrow, values(random, Dtype.F32, 2 * ROWS, 300)));
        });
    }

    @Test
    void nothingIsLeftOfIt() {
        inLane(() -> {
            compare(300, new int[] {400, 200}, 2, true, true, 2);
            AutogradFunction.sweep();
            long before = NativeScope.liveObjects();
            compare(300, new int[] {400, 200}, 2, true, true, 2);
            AutogradFunction.sweep();
            assertEquals(before, NativeScope.liveObjects());
        });
    }

    /** @param used how many of the results the loss is made of */
    private static void compare(int in, int[] outs, int rank, boolean inner, boolean bias, int used) {
        compare(in, outs, rank, inner, bias, used, false);
    }

    private static void compare(int in, int[] outs, int rank, boolean inner, boolean bias, int used, boolean dora) {
        compare(in, outs, rank, inner, bias, used, dora, false);
    }

    private static void compare(
            int in, int[] outs, int rank, boolean inner, boolean bias, int used, boolean dora, boolean probes) {
        compare(in, outs, rank, inner, bias, used, dora, probes, 0);
    }

    private static void compare(
            int in,
            int[] outs,
            int rank,
            boolean inner,
            boolean bias,
            int used,
            boolean dora,
            boolean probes,
            double dropout) {
        List<List<Tensor>> found = new ArrayList<>();
        try (NativeScope scope = new NativeScope()) {
            for (Dtype dtype : List.of(Dtype.F32, Dtype.F64)) {
                Random random = new Random(5);
                List<LoraLinear> layers = layers(random, in, outs, rank, dtype, bias, dora, dropout);
                layers.forEach(layer -> layer.setTraining(probes || dropout > 0));
                if (probes) {
                    layers.forEach(layer -> probe(layer, values(random, dtype, 1, in)));
                }
                Tensor x = values(random, dtype, 2, ROWS, in);
                x.set_requires_grad(inner);
                List<Tensor> results;
                try (RandomStream stream = RandomStream.open(7)) {
                    assertEquals(dtype == Dtype.F32, BlockedLora.takes(layers, x.reshape(-1, in)));
                    results = layers.get(0)
                            .forwardAll(
                                    layers.stream()
                                            .map(BlockedLoraTest::adapted)
                                            .toList(),
                                    x);
                }
                Tensor loss = Tensors.zeros(dtype, DeviceSpec.CPU);
                for (int i = 0; i < used; i++) {
                    Tensor weights = values(random, dtype, 2, ROWS, outs[i]);
                    loss = loss.add(results.get(i).mul(weights).sum());
                }
                loss.backward();
                List<Tensor> all = new ArrayList<>();
                results.forEach(result -> all.add(result.detach()));
                Consumer<Tensor> gradient =
                        leaf -> all.add(leaf.grad().defined() ? leaf.grad() : Tensors.zeros(dtype, DeviceSpec.CPU, 1));
                if (inner) {
                    gradient.accept(x);
                }
                for (LoraLinear layer : layers) {
                    gradient.accept(layer.loraA());
                    gradient.accept(layer.loraB());
                    if (layer.probeSink() != null) {
                        gradient.accept(layer.probeSink());
                    }
                    if (layer.base().bias() != null) {
                        gradient.accept(layer.base().bias());
                    }
                    if (layer.magnitude() != null) {
                        gradient.accept(layer.magnitude());
                    }
                }
                found.add(all);
            }
            for (int i = 0; i < found.get(0).size(); i++) {
                Tensor exact = found.get(1).get(i);
                Tensor got = found.get(0).get(i).to(exact.scalar_type());
                double size = Math.max(1e-9, exact.abs().max().item_double());
                double off = got.sub(exact).abs().max().item_double() / size;
                assertTrue(off < 1e-5, "tensor " + i + " is off by " + off);
            }
        }
    }

    private static void probe(LoraLinear layer, Tensor direction) {
        Tensor sink =
                Tensors.zeros(Dtype.of(direction), DeviceSpec.CPU, layer.base().outFeatures(), 1);
        layer.setProbe(direction, leaf(sink));
    }

    private static Linear adapted(LoraLinear layer) {
        layer.base().setForward(layer);
        return layer.base();
    }

    private static List<LoraLinear> layers(Random random, int in, int[] outs, int rank, Dtype dtype, boolean bias) {
        return layers(random, in, outs, rank, dtype, bias, false, 0);
    }

    private static List<LoraLinear> layers(
            Random random, int in, int[] outs, int rank, Dtype dtype, boolean bias, boolean dora, double dropout) {
        List<LoraLinear> layers = new ArrayList<>();
        for (int out : outs) {
            Linear base = new Linear(
                    "layer" + layers.size(),
                    values(random, dtype, out, in),
                    bias ? leaf(values(random, dtype, out)) : null);
            Tensor a = leaf(values(random, dtype, rank, in));
            Tensor b = leaf(values(random, dtype, out, rank));
            Tensor magnitude = null;
            if (dora) {
                magnitude = values(random, dtype, out).mul(new Scalar(10.0));
                magnitude.narrow(0, 0, 1).zero_();
                leaf(magnitude);
            }
            layers.add(new LoraLinear(null, base, a, b, magnitude, 0.5, dropout));
        }
        return layers;
    }

    private static Tensor leaf(Tensor values) {
        values.set_requires_grad(true);
        return values;
    }

    private static Tensor values(Random random, Dtype dtype, long... shape) {
        int count = 1;
        for (long size : shape) {
            count *= (int) size;
        }
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensors.of(values, shape).to(dtype.scalarType());
    }

    private static void inLane(Runnable check) {
        Lanes.run(2, lane -> {
            if (lane == 0) {
                check.run();
            }
        });
    }
}
