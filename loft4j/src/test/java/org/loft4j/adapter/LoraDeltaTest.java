package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;

/** What an adapter changes of each layer. */
class LoraDeltaTest {
    private static final LoraConfig CONFIG = LoraConfig.of(2, 3, TargetModules.allLinear());

    @Test
    void theChangeIsThatOfTheMergedWeight() {
        for (Dtype dtype : List.of(Dtype.F32, Dtype.F64)) {
            try (Model model = new TinyModel(Task.CAUSAL_LM, dtype, false, 5);
                    LoraAdapter adapter = trained(model);
                    NativeScope scope = new NativeScope()) {
                Map<String, Tensor> changes = new HashMap<>();
                Map<String, Tensor> before = new HashMap<>();
                adapter.layers().forEach((path, layer) -> changes.put(path, layer.delta()));
                adapter.layers()
                        .forEach((path, layer) ->
                                before.put(path, layer.base().weight().clone()));
                adapter.merge();
                double tolerance = dtype == Dtype.F64 ? 1e-15 : 1e-6;
                adapter.layers().forEach((path, layer) -> {
                    Tensor change = changes.get(path);
                    Tensor merged = layer.base().weight().sub(before.get(path));
                    assertEquals(dtype, Dtype.of(change));
                    assertTrue(change.norm().item_double() > 0.1, path);
                    assertEquals(0, merged.sub(change).abs().max().item_double(), tolerance, path);
                });
            }
        }
    }

    @Test
    void theChangeIsInFloat32AndZeroAtFirst() {
        try (Model model = new TinyModel(Task.CAUSAL_LM, Dtype.BF16, false, 5);
                LoraAdapter adapter = LoraAdapter.create(model, CONFIG, 1)) {
            List<String> paths = new ArrayList<>();
            long before = LiveObjects.settled();
            try (NativeScope scope = new NativeScope()) {
                adapter.layers().forEach((path, layer) -> {
                    Tensor delta = layer.delta();
                    paths.add(path + " " + Shapes.text(Shapes.of(delta)));
                    assertEquals(Dtype.F32, Dtype.of(delta));
                    assertEquals(0, delta.abs().max().item_double());
                });
            }
            assertEquals(before, NativeScope.liveObjects());
            assertEquals(4, paths.size());
            assertEquals("model.layers.0.mlp.up_proj (10, 6)", paths.get(0));
            assertEquals("model.layers.1.mlp.down_proj (6, 10)", paths.get(3));
        }
    }

    private static LoraAdapter trained(Model model) {
        LoraAdapter adapter = LoraAdapter.create(model, CONFIG, 1);
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            adapter.layers().values().forEach(layer -> layer.loraB().fill_(new Scalar(0.4)));
        }
        return adapter;
    }
}
