package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Seeds;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

class LoraAdapterTest {
    static final LoraConfig ALL_LINEAR = LoraConfig.of(2, 4, TargetModules.allLinear());
    private static final long[] IDS = {1, 2, 3, 4, 5, 6, 7, 8};

    @Test
    void allLinearMeansEveryLayerButTheHead() {
        try (Model model = causal(Dtype.F32);
                LoraAdapter adapter = LoraAdapter.create(model, ALL_LINEAR, 1)) {
            assertEquals(
                    Set.of(
                            "model.layers.0.mlp.up_proj",
                            "model.layers.0.mlp.down_proj",
                            "model.layers.1.mlp.up_proj",
                            "model.layers.1.mlp.down_proj"),
                    adapter.layers().keySet());
            assertEquals(4 * 2 * (TinyModel.HIDDEN + TinyModel.INNER), adapter.trainableElements());
        }
    }

    @Test
    void anUnknownTargetListsTheNamesThatExistNearestFirst() {
        try (Model model = causal(Dtype.F32)) {
            ConfigException refusal = assertThrows(
                    ConfigException.class,
                    () -> LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.names("up_proj", "dwn_prj")), 1));
            assertEquals(
                    "target_modules: no linear layer is named dwn_prj; there are down_proj, up_proj, lm_head",
                    refusal.getMessage());
            String regex = assertThrows(
                            ConfigException.class,
                            () -> LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.regex("proj")), 1))
                    .getMessage();
            assertTrue(regex.contains("model.layers.0.mlp.up_proj"), regex);
            LoraConfig nothing = new LoraConfig(2, 4, 0, TargetModules.names("up_proj"), ".*proj", false, List.of());
            assertTrue(assertThrows(ConfigException.class, () -> LoraAdapter.create(model, nothing, 1))
                    .getMessage()
                    .contains("exclude_modules"));
            LoraConfig lost = ALL_LINEAR.withModulesToSave(List.of("embedd"));
            assertTrue(assertThrows(ConfigException.class, () -> LoraAdapter.create(model, lost, 1))
                    .getMessage()
                    .contains("no module is named embedd; there are embed, "));
            assertTrue(model.linears().values().stream().allMatch(layer -> layer.override() == null));
        }
    }

    @Test
    void aNewAdapterChangesNothingAndDependsOnSeedAndPathAlone() {
        try (Model model = causal(Dtype.F32)) {
            float[] before = logits(model);
            try (LoraAdapter all = LoraAdapter.create(model, ALL_LINEAR, 7);
                    LoraAdapter one = LoraAdapter.create(
                            model, LoraConfig.of(2, 4, TargetModules.regex("model.layers.1.mlp.down_proj")), 7);
                    LoraAdapter other = LoraAdapter.create(model, ALL_LINEAR, 8)) {
                assertEqualFloats(before, logits(model));
                Tensor a = one.layers().get("model.layers.1.mlp.down_proj").loraA();
                assertTrue(Tensors.bitEqual(
                        a, all.layers().get("model.layers.1.mlp.down_proj").loraA()));
                assertFalse(Tensors.bitEqual(
                        a, other.layers().get("model.layers.1.mlp.down_proj").loraA()));
                double bound = 1 / Math.sqrt(TinyModel.INNER);
                double largest = 0;
                for (double value : Tensors.toDoubles(a)) {
                    assertTrue(Math.abs(value) <= bound);
                    largest = Math.max(largest, Math.abs(value));
                }
                assertTrue(largest > bound / 2);
            }
        }
    }

    @Test
    void gradientsAreThoseOfTheSumOfTheMatrices() {
        for (double dropout : new double[] {0, 0.3}) {
            try (Model model = causal(Dtype.F64);
                    LoraAdapter adapter = LoraAdapter.create(
                            model,
                            new LoraConfig(3, 5, dropout, TargetModules.allLinear(), (String) null, false, List.of()),
                            3)) {
                randomise(adapter, 4);
                adapter.setTraining(true);
                assertGradientsByDifferences(model, adapter);
            }
        }
    }

    @Test
    void dropoutActsInTrainingOnly() {
        LoraConfig config = new LoraConfig(2, 4, 0.5, TargetModules.allLinear(), (String) null, false, List.of());
        try (Model model = causal(Dtype.F32);
                LoraAdapter adapter = LoraAdapter.create(model, config, 3)) {
            randomise(adapter, 4);
            float[] calm = logits(model);
            assertEqualFloats(calm, logits(model));
            adapter.setTraining(true);
            assertFalse(Arrays.equals(calm, logits(model)));
            adapter.setTraining(false);
            assertEqualFloats(calm, logits(model));
        }
    }

    @Test
    void adaptersShareOneFrozenBaseAndSwitchBitForBit() {
        try (Model model = classifier(Dtype.F32)) {
            Map<String, Tensor> before = copies(model);
            float[] bare = logits(model);
            LoraAdapter first = LoraAdapter.create(model, ALL_LINEAR, 1);
            randomise(first, 11);
            nudge(first.savedModules(), 12);
            float[] ofFirst = logits(model);
            LoraAdapter second = LoraAdapter.create(model, LoraConfig.of(1, 1, TargetModules.names("up_proj")), 2);
            assertFalse(first.isAttached());
            assertEqualFloats(bare, logits(model));
            randomise(second, 13);
            nudge(second.savedModules(), 14);
            float[] ofSecond = logits(model);
            for (int i = 0; i < 3; i++) {
                first.attach();
                assertEqualFloats(ofFirst, logits(model));
                second.attach();
                assertEqualFloats(ofSecond, logits(model));
                second.detach();
                assertEqualFloats(bare, logits(model));
            }
            first.attach();
            model.weights()
                    .asMap()
                    .forEach((name, weight) ->
                            assertEquals(name.startsWith("classifier."), weight.requires_grad(), name));
            first.close();
            second.close();
            model.weights().asMap().forEach((name, weight) -> {
                assertTrue(Tensors.bitEqual(before.get(name), weight), name);
                assertFalse(weight.requires_grad(), name);
            });
            assertTrue(model.linears().values().stream().allMatch(layer -> layer.override() == null));
            before.values().forEach(Tensor::close);
        }
    }

    @Test
    void theClassificationHeadIsSavedAlong() {
        try (Model model = classifier(Dtype.F32);
                LoraAdapter adapter = LoraAdapter.create(model, ALL_LINEAR, 1)) {
            assertEquals(List.of("classifier"), adapter.config().modulesToSave());
            assertEquals(
                    Set.of("classifier.weight", "classifier.bias"),
                    adapter.savedModules().keySet());
            assertSame(
                    model.weights().get("classifier.weight"),
                    adapter.savedModules().get("classifier.weight"));
        }
    }

    @Test
    void mergedEqualsUnmergedAndUnmergingRestoresEveryBit() {
        for (Dtype dtype : List.of(Dtype.F64, Dtype.F32, Dtype.BF16, Dtype.F16)) {
            try (Model model = classifier(dtype)) {
                Map<String, Tensor> before = copies(model);
                LoraAdapter adapter = LoraAdapter.create(model, ALL_LINEAR, 1);
                randomise(adapter, 21);
                assertEquals(
                        dtype == Dtype.F64 ? Dtype.F64 : Dtype.F32,
                        Dtype.of(adapter.layers()
                                .get("model.layers.0.mlp.up_proj")
                                .loraA()));
                float[] adapted = logits(model);
                MergeReport report = adapter.merge();
                assertTrue(adapter.isMerged());
                double tolerance = dtype == Dtype.F64 ? 1e-6 : dtype == Dtype.F32 ? 1e-6 : 0.05;
                assertClose(adapted, logits(model), tolerance);
                assertEquals(4, report.layers().size());
                boolean exact = dtype == Dtype.F64 || dtype == Dtype.F32;
                assertEquals(exact, report.relativeError() == 0);
                double unit = dtype == Dtype.BF16 ? 1.0 / 256 : 1.0 / 2048;
                assertTrue(report.relativeError() < unit && report.worst().relativeToUpdate() < 1);
                assertTrue(report.maxAbsError() <= 8 * unit);
                assertThrows(IllegalStateException.class, adapter::merge);
                assertThrows(IllegalStateException.class, adapter::detach);
                assertThrows(IllegalStateException.class, () -> LoraAdapter.create(model, ALL_LINEAR, 2));
                adapter.unmerge();
                assertEqualFloats(adapted, logits(model));
                adapter.close();
                model.weights()
                        .asMap()
                        .forEach((name, weight) ->
                                assertTrue(Tensors.bitEqual(before.get(name), weight), dtype + " " + name));
                before.values().forEach(Tensor::close);
            }
        }
    }

    @Test
    void aMergedModelStaysMergedWhenTheAdapterIsClosed() {
        try (Model model = classifier(Dtype.F32)) {
            LoraAdapter adapter = LoraAdapter.create(model, ALL_LINEAR, 1);
            randomise(adapter, 22);
            nudge(adapter.savedModules(), 23);
            float[] adapted = logits(model);
            adapter.mergeAndClose();
            assertNull(model.linears().get("model.layers.0.mlp.up_proj").override());
            assertClose(adapted, logits(model), 1e-6);
            assertThrows(IllegalStateException.class, adapter::attach);
        }
    }

    @Test
    void theBaseIsBfloat16AndTheGradientsAreFloat32() {
        try (Model model = causal(Dtype.BF16);
                LoraAdapter adapter = LoraAdapter.create(model, ALL_LINEAR, 1);
                NativeScope scope = new NativeScope()) {
            Tensor logits = model.logits(new TokenInput(Tensors.of(IDS, 2, 4), null));
            assertEquals(Dtype.BF16, Dtype.of(logits));
            logits.to(Dtype.F32.scalarType()).square().sum().backward();
            for (LoraLinear layer : adapter.layers().values()) {
                assertEquals(Dtype.F32, Dtype.of(layer.loraB().grad()));
                assertTrue(layer.loraB().grad().norm().item_double() > 0);
            }
        }
    }

    @Test
    void nothingIsLeftBehind() {
        try (Model model = classifier(Dtype.F32)) {
            exercise(model);
            long before = LiveObjects.settled();
            for (int i = 0; i < 20; i++) {
                exercise(model);
            }
            assertEquals(before, NativeScope.liveObjects());
        }
    }

    private static void exercise(Model model) {
        try (LoraAdapter first = LoraAdapter.create(model, ALL_LINEAR, 1);
                LoraAdapter second = LoraAdapter.create(model, ALL_LINEAR, 2)) {
            first.attach();
            try (NativeScope scope = new NativeScope()) {
                model.logits(new TokenInput(Tensors.of(IDS, 2, 4), null)).sum().backward();
            }
            first.merge();
            first.unmerge();
            second.attach();
            second.merge();
        }
    }

    private static Model causal(Dtype dtype) {
        return new TinyModel(Task.CAUSAL_LM, dtype, false, 5);
    }

    private static Model classifier(Dtype dtype) {
        return new TinyModel(Task.SEQUENCE_CLASSIFICATION, dtype, false, 5);
    }

    static float[] logits(Model model) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            return Tensors.toFloats(model.logits(new TokenInput(Tensors.of(IDS, 2, 4), null)));
        }
    }

    private static Map<String, Tensor> copies(Model model) {
        Map<String, Tensor> copies = new HashMap<>();
        try (NativeScope scope = new NativeScope()) {
            model.weights().asMap().forEach((name, weight) -> copies.put(name, NativeScope.keep(weight.clone())));
        }
        return copies;
    }

    static void randomise(LoraAdapter adapter, long seed) {
        Random random = new Random(seed);
        for (LoraLinear layer : adapter.layers().values()) {
            write(layer.loraA(), random, 0.3);
            write(layer.loraB(), random, 0.3);
        }
    }

    static void nudge(Map<String, Tensor> tensors, long seed) {
        Random random = new Random(seed);
        tensors.values().forEach(tensor -> write(tensor, random, 0.5));
    }

    private static void write(Tensor tensor, Random random, double scale) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            double[] values = random.doubles(tensor.numel(), -scale, scale).toArray();
            tensor.copy_(Tensors.of(values, Shapes.of(tensor)));
        }
    }

    private static void assertGradientsByDifferences(Model model, LoraAdapter adapter) {
        try (NativeScope scope = new NativeScope()) {
            loss(model).backward();
        }
        double step = 1e-6;
        for (LoraLinear layer : adapter.layers().values()) {
            for (Tensor factor : List.of(layer.loraA(), layer.loraB())) {
                double[] values = Tensors.toDoubles(factor);
                double[] gradient;
                try (NativeScope scope = new NativeScope()) {
                    gradient = Tensors.toDoubles(factor.grad());
                }
                for (int i = 0; i < values.length; i += 5) {
                    double value = values[i];
                    values[i] = value + step;
                    double up = lossWith(model, factor, values);
                    values[i] = value - step;
                    double down = lossWith(model, factor, values);
                    values[i] = value;
                    lossWith(model, factor, values);
                    assertEquals((up - down) / (2 * step), gradient[i], 1e-6, layer.path());
                }
            }
        }
    }

    private static double lossWith(Model model, Tensor factor, double[] values) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            factor.copy_(Tensors.of(values, Shapes.of(factor)));
            return loss(model).item_double();
        }
    }

    /** Seeded, so that each call drops the same elements. */
    private static Tensor loss(Model model) {
        Seeds.manualSeed(99);
        return model.logits(new TokenInput(Tensors.of(IDS, 2, 4), null))
                .square()
                .sum();
    }

    private static void assertEqualFloats(float[] expected, float[] actual) {
        assertTrue(Arrays.equals(expected, actual));
    }

    private static void assertClose(float[] expected, float[] actual, double tolerance) {
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], tolerance);
        }
    }
}
