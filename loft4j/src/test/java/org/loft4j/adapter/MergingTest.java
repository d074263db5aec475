package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A merge that fails or is refused, and what one tells; what one does that succeeds is in {@link LoraAdapterTest}. */
class MergingTest {
    @Test
    void whatRoundingTakesIsToldBesideTheSumAndBesideTheUpdate() {
        try (Model model = new TinyModel(Task.SEQUENCE_CLASSIFICATION, Dtype.BF16, false, 5);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
            Map<String, Double> updates = new HashMap<>();
            Map<String, Double> sums = new HashMap<>();
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                adapter.layers().forEach((path, layer) -> {
                    layer.loraB().fill_(new Scalar(0.01));
                    Tensor update = layer.delta();
                    updates.put(path, update.norm().item_double());
                    sums.put(path, update.add(layer.base().weight()).norm().item_double());
                });
            }
            for (MergeReport.Layer layer : adapter.merge().layers()) {
                double lost = layer.relativeError() * sums.get(layer.path());
                assertTrue(lost > 0, layer.path());
                assertEquals(lost, layer.relativeToUpdate() * updates.get(layer.path()), 1e-5 * lost, layer.path());
            }
        }
    }

    @Test
    void aMergeThatFailsHalfWayLeavesTheWeightsAsTheyWere() {
        try (Model model = new TinyModel(Task.SEQUENCE_CLASSIFICATION, Dtype.F32, false, 5);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
            List<LoraLinear> layers = List.copyOf(adapter.layers().values());
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                layers.forEach(layer -> layer.loraB().fill_(new Scalar(0.3)));
            }
            Map<String, float[]> before = new HashMap<>();
            model.weights().asMap().forEach((name, weight) -> before.put(name, Tensors.toFloats(weight)));
            // the last of them has nothing to compute with
            layers.get(layers.size() - 1).loraB().close();
            assertThrows(NullPointerException.class, adapter::merge);
            assertFalse(adapter.isMerged());
            assertTrue(adapter.isAttached());
            model.weights()
                    .asMap()
                    .forEach((name, weight) -> assertArrayEquals(before.get(name), Tensors.toFloats(weight), name));
        }
    }

    /** Nothing is written, and the report does not say that nothing was lost. */
    @ParameterizedTest
    @CsvSource({
        "NaN, F32, its sum has values that are no numbers",
        "1e6, F16, 'its sum has values that float16 cannot hold: take bfloat16 or float32'"
    })
    void whatAWeightCannotHoldIsNotMerged(double value, Dtype dtype, String fault) {
        try (Model model = new TinyModel(Task.SEQUENCE_CLASSIFICATION, Dtype.F32, false, 5);
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.allLinear()), 1)) {
            LoraLinear last =
                    List.copyOf(adapter.layers().values()).get(adapter.layers().size() - 1);
            try (NativeScope scope = new NativeScope();
                    AutoGradMode frozen = new AutoGradMode(false)) {
                last.loraA().fill_(new Scalar(1.0));
                last.loraB().fill_(new Scalar(value));
            }
            float[] before = Tensors.toFloats(last.base().weight());
            String refusal = assertThrows(ConfigException.class, () -> adapter.mergeAndClose(layer -> dtype))
                    .getMessage();
            assertTrue(String.valueOf(refusal).startsWith(last.path() + " cannot be merged: " + fault), refusal);
            assertArrayEquals(before, Tensors.toFloats(last.base().weight()));
        }
    }

    @Test
    void aTiedWeightIsNotMerged() {
        try (Model model = new TinyModel(Task.CAUSAL_LM, Dtype.F32, true, 5);
                LoraAdapter adapter =
                        LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.names("lm_head")), 1)) {
            String refusal = assertThrows(ConfigException.class, adapter::merge).getMessage();
            assertTrue(refusal.contains("lm_head cannot be merged"), refusal);
            assertTrue(refusal.contains("model.embed.weight"), refusal);
            assertTrue(adapter.isAttached());
        }
    }

    @Test
    void aRefusedMergeOrAdapterLeavesTheOneThatIsAttached() {
        try (Model model = new TinyModel(Task.CAUSAL_LM, Dtype.F32, true, 5);
                LoraAdapter tied = LoraAdapter.create(model, LoraConfig.of(2, 4, TargetModules.names("lm_head")), 1);
                LoraAdapter attached =
                        LoraAdapter.create(model, LoraAdapterTest.ALL_LINEAR.withModulesToSave(List.of("embed")), 1)) {
            LoraAdapterTest.randomise(attached, 22);
            LoraAdapterTest.nudge(attached.savedModules(), 23);
            float[] before = LoraAdapterTest.logits(model);
            assertThrows(ConfigException.class, tied::requireMergeable);
            assertTrue(attached.isAttached());
            long objects = LiveObjects.settled();
            try (NativeScope scope = new NativeScope()) {
                Tensor a = Tensors.of(new float[2 * TinyModel.HIDDEN], 2, TinyModel.HIDDEN);
                Tensor b = Tensors.of(new float[2 * TinyModel.INNER], TinyModel.INNER, 2);
                Linear layer = model.linears().get("model.layers.0.mlp.up_proj");
                assertThrows(
                        RuntimeException.class,
                        () -> LoraAdapter.of(
                                model,
                                LoraAdapterTest.ALL_LINEAR,
                                Map.of(layer, new Factors(a, b, null)),
                                Map.of("nowhere.weight", a)));
            }
            assertTrue(NativeScope.liveObjects() <= objects, "the factors of the refused one are freed");
            assertTrue(attached.isAttached());
            assertTrue(Arrays.equals(before, LoraAdapterTest.logits(model)));
            assertTrue(model.weights().get("model.embed.weight").requires_grad());
        }
    }
}
