package org.loft4j.adapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A merge that fails; what one does that succeeds is in {@link LoraAdapterTest}. */
class MergingTest {
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
}
