package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ProcessStatus;
import org.loft4j.train.ChildJvm;

@EnabledOnOs(OS.LINUX)
class NativeHeapTest {
    @TempDir
    Path folder;

    private static final long PIECE = 4 << 20;

    private static final int PIECES = 32;

    /** Of 128 MB that are freed all stay with the process after three steps, and go after four. */
    @Test
    void whatIsFreeGoesAfterStepsThatArePowersOfTwo() throws IOException {
        try (NativeHeap.Training training = NativeHeap.layApart();
                NativeScope scope = new NativeScope()) {
            training.keepFreed();
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

    /** The process: a training, and what is freed after it, or beside it once another has been closed. */
    public static void main(String[] arguments) throws IOException {
        NativeHeap.Training training = NativeHeap.layApart();
        if (arguments[0].equals("apart")) {
            System.out.println(HeapProbe.laidApart());
            return;
        }
        training.keepFreed();
        if (arguments[0].equals("beside")) {
            NativeHeap.layApart().close();
            System.out.println(HeapProbe.laidApart());
            return;
        }
        if (arguments[0].equals("after")) {
            training.close();
            training.close();
        }
        System.out.println(HeapProbe.kept());
    }

    private String said(String argument) throws Exception {
        return ChildJvm.said(NativeHeapTest.class, folder, argument);
    }

    /** What a training asks of the heap would else be asked of it for the life of the process. */
    @Test
    void whatIsFreedGoesOnceTheTrainingIsClosed() throws Exception {
        double stepping = Double.parseDouble(said("stepping"));
        double after = Double.parseDouble(said("after"));
        assertTrue(stepping > 0.75 && after < 0.5, stepping + " " + after);
    }

    @Test
    void aTrainingThatIsClosedLeavesTheHeapToAnother() throws Exception {
        assertEquals(String.valueOf(HeapProbe.COUNT), said("apart"));
        assertEquals("0", said("beside"));
    }
}
