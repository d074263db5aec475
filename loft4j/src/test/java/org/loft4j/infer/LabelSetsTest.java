package org.loft4j.infer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.loft4j.infer.TextLabeler.LabelSet;
import org.loft4j.nn.ModelDescription;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What the logits of labels tell of which a text may have several. */
class LabelSetsTest {
    private static final ModelDescription THREE = new ModelDescription(
            "bert", 100, 32, 16, Dtype.F64, DeviceSpec.CPU, List.of("x", "y", "z"), null, true, null);

    /** A label is told above the threshold, and not at it; the likeliest comes first. */
    @Test
    void aLabelIsToldAboveTheThresholdOnly() {
        try (NativeScope scope = new NativeScope()) {
            List<LabelSet> sets = TextLabeler.sets(Tensors.of(new double[] {0, 1e-9, 2, -1, 0, -2}, 2, 3), THREE, 0);
            assertEquals(List.of("z", "y"), sets.get(0).labels());
            assertEquals(List.of(2, 1), sets.get(0).indices());
            assertEquals(0.5, sets.get(0).probabilities().get(0), 0);
            assertEquals(List.of(), sets.get(1).labels());
        }
    }
}
