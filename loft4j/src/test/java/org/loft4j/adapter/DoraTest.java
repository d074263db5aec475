package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/** DoRA's layer against its equation written out with the whole weight. */
class DoraTest {
    private static final long[] IDS = {1, 2, 3, 4, 5, 6, 7, 8};
    private static final long SEED = Long.getLong("tests.seed", 20261125L);

    @Test
    void aNewAdapterChangesNoBit() {
        for (Dtype dtype : List.of(Dtype.F32, Dtype.F64, Dtype.BF16, Dtype.F16)) {
            try (Model model = model(dtype)) {
                double[] before = logits(model);
                try (LoraAdapter adapter = LoraAdapter.create(model, config(0), 1)) {
                    assertArrayEquals(before, logits(model));
                    Dtype wide = dtype == Dtype.F64 ? Dtype.F64 : Dtype.F32;
                    for (LoraLinear layer : adapter.layers().values()) {
                        assertEquals(wide, Dtype.of(layer.magnitude()));
                    }
                    long vectors = 2 * (TinyModel.HIDDEN + TinyModel.INNER);
                    assertEquals(4 * 2 * (TinyModel.HIDDEN + TinyModel.INNER) + vectors, adapter.trainableElements());
                }
            }
        }
    }

    @Test
    void plainLoraHasNoMagnitude() {
        try (Model model = model(Dtype.F32);
                LoraAdapter adapter = LoraAdapter.create(model, config(0).withDora(false), 1)) {
            adapter.layers().values().forEach(layer -> assertNull(layer.magnitude()));
        }
    }

    /**
     * With a magnitude of zero, of whose column nothing is left to divide. The second run has dropout, where PEFT's layer is
     * y = x·W0ᵀ + b + (m/‖V‖ − 1) ⊙ d·W0ᵀ + m/‖V‖ ⊙ s·d·Aᵀ·Bᵀ.
     */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.4})
    void outputAndGradientsAreThoseOfTheEquationWithTheNormHeldConstant(double dropout) {
        System.out.println("tests.seed " + SEED);
        try (Model model = model(Dtype.F64);
                LoraAdapter adapter = trained(model, config(dropout));
                NativeScope scope = new NativeScope()) {
            adapter.setTraining(true);
            Random random = new Random(SEED + 1);
            for (LoraLinear layer : adapter.layers().values()) {
                Linear base = layer.base();
                layer.magnitude().detach().narrow(0, 0, 1).zero_();
                Tensor x = uniform(random, 7, base.inFeatures()).set_requires_grad(true);
                Seeds.manualSeed(3);
                Tensor y = base.forward(x);
                Tensor weights = uniform(random, 7, base.outFeatures());
                y.square().mul(weights).add(y.mul(weights)).sum().backward();
                List<Tensor> parameters = List.of(x, layer.loraA(), layer.loraB(), layer.magnitude());
                List<Tensor> gradients =
                        parameters.stream().map(p -> p.grad().clone()).toList();
                parameters.forEach(p -> p.mutable_grad().zero_());

                Seeds.manualSeed(3);
                Tensor d = dropout > 0 ? torch.dropout(x, dropout, true) : x;
                Tensor v = base.weight().add(layer.loraB().mm(layer.loraA()), new Scalar(layer.scale()));
                Tensor norm = v.square().sum(1).sqrt().detach();
                Tensor stretched = v.mul(layer.magnitude().div(norm).unsqueeze(1));
                Tensor direct = base.baseForward(x)
                        .add(d.mm(stretched.sub(base.weight()).t()));
                assertEquals(0, y.sub(direct).abs().max().item_double(), 1e-13);
                direct.square().mul(weights).add(direct.mul(weights)).sum().backward();
                for (int i = 0; i < parameters.size(); i++) {
                    Tensor expected = parameters.get(i).grad();
                    double difference = expected.sub(gradients.get(i)).norm().item_double();
                    assertTrue(expected.norm().item_double() > 1e-3);
                    assertEquals(0, difference / expected.norm().item_double(), 1e-12);
                }
                Tensor ofZero = parameters.get(3).grad().narrow(0, 0, 1);
                assertTrue(ofZero.abs().item_double() > 1e-3);
                assertEquals(1, gradients.get(3).narrow(0, 0, 1).div(ofZero).item_double(), 1e-10);
            }
        }
    }

    @Test
    void theNormsOfRowsAreThoseOfTheWholeWeight() {
        System.out.println("tests.seed " + SEED);
        Random random = new Random(SEED);
        double worst = 0;
        for (int[] shape : new int[][] {{5, 3, 1}, {40, 300, 7}, {3000, 700, 4}}) {
            for (double size : new double[] {1e-3, 1, 30}) {
                try (NativeScope scope = new NativeScope()) {
                    Tensor w = uniform(random, shape[0], shape[1]).to(Dtype.F32.scalarType());
                    Tensor a = uniform(random, shape[2], shape[1]).to(Dtype.F32.scalarType());
                    Tensor b = uniform(random, shape[0], shape[2])
                            .mul(new Scalar(size))
                            .to(Dtype.F32.scalarType());
                    Tensor whole = wide(w).add(wide(b).mm(wide(a)), new Scalar(2.0));
                    Tensor direct = whole.square().sum(1).sqrt();
                    try (RowNorms norms = new RowNorms(new Linear("w", w, null).matrix(), a, b, 2)) {
                        Tensor error =
                                wide(norms.get()).sub(direct).div(direct).abs().max();
                        worst = Math.max(worst, error.item_double());
                    }
                }
            }
        }
        System.out.println("largest relative error of a row's norm in float32: " + worst);
        assertTrue(worst < 3e-7, "off by " + worst);
    }

    @Test
    void theMergedWeightHasTheMagnitudesAsNormsAndGivesTheSameLogits() {
        for (Dtype dtype : List.of(Dtype.F32, Dtype.F64, Dtype.BF16)) {
            try (Model model = model(dtype);
                    LoraAdapter adapter = trained(model, config(0));
                    NativeScope scope = new NativeScope()) {
                Map<String, Tensor> before = new HashMap<>();
                adapter.layers()
                        .forEach((path, layer) ->
                                before.put(path, layer.base().weight().clone()));
                double[] adapted = logits(model);
                MergeReport report = adapter.merge();
                double tolerance = dtype == Dtype.BF16 ? 1.0 / 128 : dtype == Dtype.F64 ? 1e-13 : 1e-6;
                assertEquals(dtype != Dtype.BF16, report.maxAbsError() == 0);
                double scale = largest(adapted);
                assertArrayEquals(adapted, logits(model), 4 * tolerance * scale);
                adapter.layers().values().forEach(layer -> {
                    Tensor norm = wide(layer.base().weight()).square().sum(1).sqrt();
                    Tensor error = norm.div(wide(layer.magnitude())).sub(new Scalar(1.0));
                    assertEquals(0, error.abs().max().item_double(), tolerance);
                });
                LoraLinear first = adapter.layers().values().iterator().next();
                assertThrows(IllegalStateException.class, first::delta);
                adapter.unmerge();
                adapter.layers()
                        .forEach((path, layer) -> assertTrue(
                                Tensors.bitEqual(before.get(path), layer.base().weight())));
                assertArrayEquals(adapted, logits(model));
            }
        }
    }

    @Test
    void aBaseOfHalfPrecisionStaysNearTheFloat32Model() {
        for (Dtype dtype : List.of(Dtype.BF16, Dtype.F16)) {
            try (Model model = model(dtype);
                    Model twin = model(Dtype.F32);
                    LoraAdapter adapter = trained(model, config(0));
                    LoraAdapter exact = trained(twin, config(0))) {
                double[] expected = logits(twin);
                assertArrayEquals(expected, logits(model), 0.03 * largest(expected));
                try (NativeScope scope = new NativeScope()) {
                    Tensor y = model.logits(new TokenInput(Tensors.of(IDS, 2, 4), null));
                    assertEquals(dtype, Dtype.of(y));
                    y.to(Dtype.F32.scalarType()).square().sum().backward();
                    for (LoraLinear layer : adapter.layers().values()) {
                        assertEquals(Dtype.F32, Dtype.of(layer.magnitude().grad()));
                        assertTrue(layer.magnitude().grad().norm().item_double() > 0);
                    }
                }
                assertEquals(4, exact.layers().size());
            }
        }
    }

    @Test
    void aRowOfZerosStaysZeroInsteadOfTurningIntoNan() {
        try (Model model = model(Dtype.F32);
                NativeScope scope = new NativeScope()) {
            model.linears().values().iterator().next().weight().narrow(0, 0, 1).zero_();
            double[] before = logits(model);
            try (LoraAdapter adapter = LoraAdapter.create(model, config(0), 1)) {
                assertArrayEquals(before, logits(model));
                model.logits(new TokenInput(Tensors.of(IDS, 2, 4), null)).sum().backward();
                LoraLinear layer = adapter.layers().values().iterator().next();
                assertTrue(Double.isFinite(layer.magnitude().grad().norm().item_double()));
                assertTrue(Double.isFinite(layer.loraB().grad().norm().item_double()));
            }
        }
    }

    @Test
    void everyChangeOfAFactorIsSeenAndNothingIsLeftBehind() {
        try (Model model = model(Dtype.F32)) {
            exercise(model);
            long before = LiveObjects.settled();
            for (int i = 0; i < 10; i++) {
                exercise(model);
            }
            assertEquals(before, NativeScope.liveObjects());
        }
    }

    private static void exercise(Model model) {
        try (LoraAdapter adapter = trained(model, config(0.1))) {
            double[] first = logits(model);
            fill(adapter, 77);
            double[] second = logits(model);
            assertTrue(Math.abs(first[0] - second[0]) > 1e-6);
            fill(adapter, SEED);
            assertArrayEquals(first, logits(model));
            adapter.setTraining(true);
            try (NativeScope scope = new NativeScope()) {
                model.logits(new TokenInput(Tensors.of(IDS, 2, 4), null)).sum().backward();
            }
            try (NativeScope scope = new NativeScope()) {
                adapter.layers()
                        .values()
                        .forEach(layer -> assertTrue(layer.delta().norm().item_double() > 0.1));
            }
            adapter.merge();
            adapter.unmerge();
        }
    }

    private static LoraConfig config(double dropout) {
        return new LoraConfig(2, 3, dropout, TargetModules.allLinear(), (String) null, false, List.of()).withDora(true);
    }

    private static Model model(Dtype dtype) {
        return new TinyModel(Task.CAUSAL_LM, dtype, false, 5);
    }

    private static LoraAdapter trained(Model model, LoraConfig config) {
        LoraAdapter adapter = LoraAdapter.create(model, config, 1);
        fill(adapter, SEED);
        return adapter;
    }

    /** Factors of any size, magnitudes a tenth of a unit around 1. */
    private static void fill(LoraAdapter adapter, long seed) {
        Random random = new Random(seed);
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            for (LoraLinear layer : adapter.layers().values()) {
                layer.loraA().copy_(uniform(random, Shapes.of(layer.loraA())));
                layer.loraB().copy_(uniform(random, Shapes.of(layer.loraB())));
                Tensor magnitude = layer.magnitude();
                magnitude.copy_(uniform(random, Shapes.of(magnitude))
                        .mul(new Scalar(0.1))
                        .add(new Scalar(1.0)));
            }
        }
    }

    private static Tensor uniform(Random random, long... shape) {
        long count = 1;
        for (long size : shape) {
            count *= size;
        }
        return Tensors.of(random.doubles(count, -0.6, 0.6).toArray(), shape);
    }

    private static Tensor wide(Tensor tensor) {
        return tensor.detach().to(Dtype.F64.scalarType());
    }

    private static double largest(double[] values) {
        double largest = 0;
        for (double value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    private static double[] logits(Model model) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return Tensors.toDoubles(model.logits(new TokenInput(Tensors.of(IDS, 2, 4), null)));
        }
    }
}
