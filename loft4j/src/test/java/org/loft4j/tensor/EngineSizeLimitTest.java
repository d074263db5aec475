package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** What a program with a small heap may hold outside of it when it gives Java no flags but that. */
class EngineSizeLimitTest {
    private static final int HEAP_MB = 48;
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

    private static String said(String... flags) throws Exception {
        List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java"));
        command.addAll(List.of("-Xmx" + HEAP_MB + "m", "-XX:TieredStopAtLevel=1"));
        command.addAll(List.of(flags));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), EngineSizeLimitTest.class.getName()));
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return said.strip();
    }

    @Test
    void theHeapIsNoMeasureOfTheProcess() throws Exception {
        assertEquals("holds " + HELD_MB / 8 + " of 8 MB in true", said());
    }

    @Test
    void aLimitThatTheUserSetsStays() throws Exception {
        String said = said("-Dorg.bytedeco.javacpp.maxPhysicalBytes=200m");
        assertTrue(said.contains("OutOfMemoryError: Physical memory usage is too high"), said);
    }
}
