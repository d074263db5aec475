package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.loft4j.ProcessStatus;

@EnabledOnOs(OS.LINUX)
class NativeHeapTest {
    private static final long PIECE = 4 << 20;

    private static final int PIECES = 32;

    /** Of 128 MB that are freed all stay with the process after three steps, and go after four. */
    @Test
    void whatIsFreeGoesAfterStepsThatArePowersOfTwo() throws IOException {
        NativeHeap.keepFreed();
        try (NativeScope scope = new NativeScope()) {
            Tensor above;
            try (NativeScope step = new NativeScope()) {
                for (int i = 0; i < PIECES; i++) {
                    Tensors.zeros(Dtype.U8, DeviceSpec.CPU, PIECE);
                }
                // free memory at the end of a heap stays
                above = NativeScope.keep(Tensors.zeros(Dtype.U8, DeviceSpec.CPU, 1));
            }
            long held = ProcessStatus.bytes("VmRSS:");
            NativeHeap.trimNowAndThen(3);
            long after3 = ProcessStatus.bytes("VmRSS:");
            NativeHeap.trimNowAndThen(4);
            long after4 = ProcessStatus.bytes("VmRSS:");
            above.close();
            long most = PIECE * PIECES;
            String sizes = held + ", " + after3 + ", " + after4;
            assertTrue(after3 > held - most / 4, sizes);
            assertTrue(after4 < held - most / 2, sizes);
        }
    }
}
