package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class NativeScopeTest {
    @Test
    void aKeptTensorOutlivesItsScopeAndIsFreedByItsOwner() {
        Engine.start();
        long before = LiveObjects.settled();
        Tensor kept;
        try (NativeScope scope = new NativeScope()) {
            kept = NativeScope.keep(Tensors.of(new float[] {1, 2, 3}, 3));
            Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 5);
        }
        assertEquals(before + 1, NativeScope.liveObjects());
        assertEquals(3.0f, Tensors.toFloats(kept)[2]);
        kept.close();
        assertEquals(before, NativeScope.liveObjects());
    }

    @Test
    void aTensorThatIsNotKeptCannotBeUsedAfterItsScope() {
        Tensor lost;
        try (NativeScope scope = new NativeScope()) {
            lost = Tensors.of(new float[] {1}, 1);
        }
        assertThrows(NullPointerException.class, lost::numel);
    }

    @Test
    void aTensorHandedOnLivesAsLongAsTheEnclosingScope() {
        Engine.start();
        long before = LiveObjects.settled();
        Tensor handedOn;
        try (NativeScope outer = new NativeScope()) {
            try (NativeScope inner = new NativeScope()) {
                Tensor part = Tensors.of(new float[] {1, 2}, 2);
                handedOn = inner.toEnclosing(part.add(part));
            }
            assertEquals(4.0f, Tensors.toFloats(handedOn)[1]);
        }
        assertThrows(NullPointerException.class, handedOn::numel);
        assertEquals(before, NativeScope.liveObjects());
        try (NativeScope alone = new NativeScope()) {
            Tensor tensor = Tensors.of(new float[] {1}, 1);
            assertThrows(IllegalStateException.class, () -> alone.toEnclosing(tensor));
        }
    }

    @Test
    void manyScopesLeaveNothingBehind() {
        Engine.start();
        long before = LiveObjects.settled();
        for (int i = 0; i < 2000; i++) {
            try (NativeScope scope = new NativeScope()) {
                Tensor x = Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 64, 64);
                x.mm(x).add(x).sum();
            }
        }
        assertEquals(before, NativeScope.liveObjects());
    }
}
