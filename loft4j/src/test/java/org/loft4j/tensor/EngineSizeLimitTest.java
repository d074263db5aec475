package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** What a program with a small heap may hold outside of it when it gives Java no flags but that. */
class EngineSizeLimitTest {
    private static final int HEAP_MB = 48;
    private static final String HEAP = "-Xmx" + HEAP_MB + "m";
    private static final int HELD_MB = 5 * HEAP_MB;

    /** The process: holds more than four times its heap, a piece at a time. */
    public static void main(String[] arguments) {
        try (NativeScope scope = new NativeScope()) {
            List<Tensor> held = new ArrayList<>();
            for (int i = 0; i < HELD_MB; i += 8) {
                held.add(Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 2 << 20).fill_(new org.bytedeco.pytorch.Scalar(1)));
            }
            System.out.println("holds " + held.size() + " of 8 MB in " + (Pointer.physicalBytes() >> 20 > HELD_MB));
        } catch (OutOfMemoryError e) {
            System.out.println(e);
        }
    }

    @Test
    void theHeapIsNoMeasureOfTheProcess() throws Exception {
        assertEquals("holds " + HELD_MB / 8 + " of 8 MB in true", SmallProcess.said(EngineSizeLimitTest.class, HEAP));
    }

    @Test
    void aLimitThatTheUserSetsStays() throws Exception {
        String said =
                SmallProcess.said(EngineSizeLimitTest.class, HEAP, "-Dorg.bytedeco.javacpp.maxPhysicalBytes=200m");
        assertTrue(said.contains("OutOfMemoryError: Physical memory usage is too high"), said);
    }
}
