package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class TilesTest {
    private static List<Long> pieces(DeviceSpec.Kind kind, Tensor... tensors) {
        List<Long> counts = new ArrayList<>();
        Tiles.on(kind).elements(List.of(tensors), pieces -> {
            for (Tensor piece : pieces) {
                assertEquals(pieces.get(0).numel(), piece.numel());
            }
            counts.add(pieces.get(0).numel());
        });
        return counts;
    }

    /** Of a table of tokens a step makes copies in float32: of all of it they would take as much as the model. */
    @Test
    void onADeviceALargeParameterComesInPiecesTooAndOnTheProcessorInSmallerOnes() {
        try (NativeScope scope = new NativeScope()) {
            Tensor p = Tensors.empty(Dtype.BF16, DeviceSpec.CPU, 4096 + 1, 4096);
            Tensor m = Tensors.empty(Dtype.BF16, DeviceSpec.CPU, 4096 + 1, 4096);
            assertEquals(List.of(1L << 24, 4096L), pieces(DeviceSpec.Kind.CUDA, p, m));
            assertEquals(129, pieces(DeviceSpec.Kind.CPU, p, m).size());
            assertEquals(List.of(4097L * 4096), pieces(DeviceSpec.Kind.CUDA, p.t(), m.t()));
        }
    }
}
