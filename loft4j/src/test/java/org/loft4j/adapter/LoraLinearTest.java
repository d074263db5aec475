package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.loft4j.nn.Inference;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Tensors;

/** Layers with adapters that are given the same input. */
class LoraLinearTest {
    private static final String FIRST = "model.layers.0.mlp.up_proj";
    private static final String SECOND = "model.layers.1.mlp.up_proj";

    @Test
    void layersOnTheSameInputAreAsEachByItself() {
        check(LoraConfig.of(2, 3, TargetModules.allLinear()), false, 2);
    }

    @Test
    void dropoutDrawsForEachLayer() {
        check(new LoraConfig(2, 3, 0.5, TargetModules.allLinear(), (String) null, false, List.of()), true, 2);
    }

    @Test
    void magnitudesAndLayersWithoutAnAdapterStandAlone() {
        check(LoraConfig.of(2, 3, TargetModules.allLinear()).withDora(true), false, 2);
        check(LoraConfig.of(2, 3, TargetModules.regex(".*layers.0.*")), false, 1);
        check(LoraConfig.of(2, 3, TargetModules.regex(".*layers.1.*")), false, 1);
    }

    /** The sink's gradient is s·G·ω; ω is of signs times a power of two, and about as long as a row of A. */
    @Test
    void aProbeSeesTheFullGradientInItsDirection() {
        try (TinyModel model = new TinyModel(Task.CAUSAL_LM, Dtype.F64, false, 5);
                LoraAdapter adapter = adapter(model, LoraConfig.of(2, 3, TargetModules.allLinear()));
                NativeScope scope = new NativeScope()) {
            adapter.addProbes();
            adapter.drawProbes(7, 1);
            adapter.setTraining(true);
            LoraLinear layer = adapter.layers().get(FIRST);
            Tensor x = input(new Random(2));
            Tensor y = model.linears().get(FIRST).forward(x);
            Tensor outer = values(new Random(3), 2, 4, y.size(-1));
            y.mul(outer).sum().backward();
            Tensor full = outer.reshape(-1, y.size(-1)).t().mm(x.reshape(-1, x.size(-1)));
            Tensor seen = full.mm(layer.probeDirection().t()).mul(new Scalar(layer.scale()));
            assertEquals(0, difference(seen, layer.probeSink().grad()), 1e-12);
            for (LoraLinear each : adapter.layers().values()) {
                double size = Math.abs(Tensors.toDoubles(each.probeDirection())[0]);
                assertEquals(Math.scalb(1.0, Math.getExponent(size)), size);
                assertTrue(
                        each.probeDirection().abs().eq(new Scalar(size)).all().item_bool());
                double length = size * Math.sqrt(each.base().inFeatures());
                assertTrue(length > 0.7 && length < 1.42, each + ": " + length);
            }
        }
    }

    @Test
    void mergedLayersAreTheirWeightsAlone() {
        try (TinyModel model = new TinyModel(Task.CAUSAL_LM, Dtype.F64, false, 5);
                LoraAdapter adapter = adapter(model, LoraConfig.of(2, 3, TargetModules.allLinear()));
                NativeScope scope = new NativeScope()) {
            Tensor x = input(new Random(2));
            List<Tensor> beside = Linear.forwardAll(both(model), x);
            adapter.merge();
            List<Tensor> merged = Linear.forwardAll(both(model), x);
            for (int i = 0; i < 2; i++) {
                assertEquals(0, difference(beside.get(i), merged.get(i)), 1e-12);
            }
        }
    }

    /** The product with a frozen W0 is spared; what is left is the adapter's, and the gradients are those of the whole. */
    @Test
    void forTheGradientsAloneTheFrozenProductIsSpared() {
        try (TinyModel model = new TinyModel(Task.CAUSAL_LM, Dtype.F64, false, 5);
                LoraAdapter adapter = adapter(model, LoraConfig.of(2, 3, TargetModules.regex(".*layers.0.*")));
                NativeScope scope = new NativeScope()) {
            Linear adapted = model.linears().get(FIRST);
            LoraLinear layer = adapter.layers().get(FIRST);
            List<Tensor> leaves = List.of(layer.loraA(), layer.loraB());
            Tensor x = input(new Random(2));
            assertEquals(
                    0, difference(adapted.forGradient(x), x.matmul(layer.delta().t())), 1e-12);
            assertSameGradients(adapted, leaves);

            Linear bare = model.linears().get(SECOND);
            assertEquals(0, bare.forGradient(x).abs().max().item_double());
            assertSameGradients(bare, List.of());
            adapter.merge();
            assertEquals(0, adapted.forGradient(x).abs().max().item_double());
            assertSameGradients(adapted, List.of());
        }
    }

    @Test
    void forTheGradientsAloneATrainedWeightAndAMagnitudeHaveTheirProduct() {
        try (TinyModel model = new TinyModel(Task.CAUSAL_LM, Dtype.F64, false, 5);
                LoraAdapter adapter = adapter(
                        model,
                        LoraConfig.of(2, 3, TargetModules.regex(".*layers.0.*")).withDora(true));
                NativeScope scope = new NativeScope()) {
            Linear adapted = model.linears().get(FIRST);
            LoraLinear layer = adapter.layers().get(FIRST);
            Tensor x = input(new Random(2));
            assertEquals(0, difference(adapted.forGradient(x), adapted.forward(x)));
            assertSameGradients(adapted, List.of(layer.loraA(), layer.loraB(), layer.magnitude()));

            Linear trained = model.linears().get(SECOND);
            trained.weight().set_requires_grad(true);
            trained.bias().set_requires_grad(true);
            assertEquals(0, difference(trained.forGradient(x), trained.forward(x)));
            assertSameGradients(trained, List.of(trained.weight(), trained.bias()));
        }
    }

    /** Up to sixteen rows of an answer are multiplied by the factors as they lie, in their own type. */
    @Test
    void fewRowsOfAnAnswerAreAsInATraining() {
        for (boolean dora : new boolean[] {false, true}) {
            answers(Dtype.F64, dora, 1e-12);
            answers(Dtype.F32, dora, 3e-6);
            answers(Dtype.BF16, dora, 0.03);
        }
    }

    private static void answers(Dtype dtype, boolean dora, double tolerance) {
        try (TinyModel model = new TinyModel(Task.CAUSAL_LM, dtype, false, 5);
                LoraAdapter adapter = adapter(
                        model, LoraConfig.of(2, 3, TargetModules.allLinear()).withDora(dora));
                NativeScope scope = new NativeScope()) {
            for (long rows : new long[] {1, 3, 16, 17}) {
                Tensor x = values(new Random(rows), rows, 1, TinyModel.HIDDEN).to(dtype.scalarType());
                List<Tensor> trained = Linear.forwardAll(both(model), x);
                try (Inference inference = Inference.open()) {
                    List<Tensor> together = Linear.forwardAll(both(model), x);
                    for (int i = 0; i < 2; i++) {
                        Tensor alone = both(model).get(i).forward(x);
                        assertEquals(dtype, Dtype.of(alone));
                        assertEquals(0, difference(trained.get(i), alone), tolerance, dtype + " of " + rows);
                        assertEquals(0, difference(together.get(i), alone), tolerance, dtype + " of " + rows);
                        Tensor bare = both(model).get(i).baseForward(x);
                        assertTrue(difference(bare, alone) > 4 * tolerance, "the adapter is beside the base");
                    }
                }
            }
            try (Inference inference = Inference.open()) {
                Tensor none = values(new Random(1), 0, TinyModel.HIDDEN).to(dtype.scalarType());
                assertEquals(0, model.linears().get(FIRST).forward(none).size(0));
            }
        }
    }

    private static void assertSameGradients(Linear layer, List<Tensor> leaves) {
        List<Tensor> whole = gradients(layer, leaves, layer::forward);
        List<Tensor> alone = gradients(layer, leaves, layer::forGradient);
        for (int i = 0; i < whole.size(); i++) {
            assertTrue(whole.get(i).abs().sum().item_double() > 1e-3);
            assertEquals(0, difference(whole.get(i), alone.get(i)), "number " + i);
        }
    }

    /** Of the input, then of the leaves. */
    private static List<Tensor> gradients(Linear layer, List<Tensor> leaves, UnaryOperator<Tensor> forward) {
        Tensor x = input(new Random(2)).set_requires_grad(true);
        List<Tensor> all = new ArrayList<>(List.of(x));
        all.addAll(leaves);
        all.forEach(leaf -> leaf.mutable_grad().reset());
        forward.apply(x)
                .mul(values(new Random(3), 2, 4, layer.outFeatures()))
                .sum()
                .backward();
        return all.stream().map(leaf -> leaf.grad().clone()).toList();
    }

    private static void check(LoraConfig config, boolean training, int adapted) {
        try (TinyModel model = new TinyModel(Task.CAUSAL_LM, Dtype.F64, false, 5);
                LoraAdapter adapter = adapter(model, config);
                NativeScope scope = new NativeScope()) {
            adapter.setTraining(training);
            List<Tensor> together = gradients(model, adapter, true);
            List<Tensor> apart = gradients(model, adapter, false);
            assertEquals(2 + 1 + adapted * (config.useDora() ? 3 : 2), together.size());
            for (int i = 0; i < together.size(); i++) {
                assertTrue(apart.get(i).abs().sum().item_double() > 1e-3);
                assertEquals(0, difference(together.get(i), apart.get(i)), 1e-12, "number " + i);
            }
        }
    }

    /** Outputs, then the gradients of the input and of what the adapters of the two layers hold. */
    private static List<Tensor> gradients(TinyModel model, LoraAdapter adapter, boolean together) {
        Random random = new Random(3);
        Tensor x = input(random).set_requires_grad(true);
        Seeds.manualSeed(4);
        List<Tensor> y = together
                ? Linear.forwardAll(both(model), x)
                : both(model).stream().map(layer -> layer.forward(x)).toList();
        Tensor loss = null;
        for (Tensor one : y) {
            Tensor part = one.mul(values(random, 2, 4, TinyModel.INNER)).sum();
            loss = loss == null ? part : loss.add(part);
        }
        List<Tensor> leaves = new ArrayList<>(List.of(x));
        for (String path : List.of(FIRST, SECOND)) {
            LoraLinear layer = adapter.layers().get(path);
            if (layer != null) {
                leaves.addAll(List.of(layer.loraA(), layer.loraB()));
                Tensor magnitude = layer.magnitude();
                if (magnitude != null) {
                    leaves.add(magnitude);
                }
            }
        }
        leaves.forEach(leaf -> leaf.mutable_grad().reset());
        loss.backward();
        List<Tensor> all = new ArrayList<>(y);
        leaves.forEach(leaf -> all.add(leaf.grad().clone()));
        return all;
    }

    private static List<Linear> both(TinyModel model) {
        return List.of(model.linears().get(FIRST), model.linears().get(SECOND));
    }

    private static LoraAdapter adapter(TinyModel model, LoraConfig config) {
        LoraAdapter adapter = LoraAdapter.create(model, config, 1);
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Random random = new Random(7);
            adapter.layers()
                    .values()
                    .forEach(layer ->
                            layer.loraB().copy_(values(random, layer.loraB().size(0), layer.rank())));
        }
        return adapter;
    }

    private static Tensor input(Random random) {
        return values(random, 2, 4, TinyModel.HIDDEN);
    }

    private static Tensor values(Random random, long... shape) {
        long count = 1;
        for (long size : shape) {
            count *= size;
        }
        return Tensors.of(random.doubles(count, -1, 1).toArray(), shape);
    }

    private static double difference(Tensor a, Tensor b) {
        return torch.sub(a, b, new Scalar(1.0)).abs().max().item_double();
    }
}
