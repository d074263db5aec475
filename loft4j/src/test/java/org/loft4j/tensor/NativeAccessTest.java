package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;

/** What a program is told that Java lets load no native code. */
@EnabledForJreRange(min = JRE.JAVA_24)
class NativeAccessTest {
    /** The process: makes a tensor. */
    public static void main(String[] arguments) {
        try (NativeScope scope = new NativeScope()) {
            System.out.println(Tensors.zeros(Dtype.F32, DeviceSpec.CPU, 1).numel());
        } catch (LinkageError e) {
            System.out.println(e.getMessage());
        }
    }

    @Test
    void theFlagThatIsMissingIsNamed() throws Exception {
        String said = SmallProcess.said(NativeAccessTest.class, "--illegal-native-access=deny");
        assertTrue(said.startsWith("libtorch cannot be loaded"), said);
        assertTrue(said.contains("--enable-native-access=ALL-UNNAMED"), said);
    }

    @Test
    void withItAllIsWell() throws Exception {
        assertEquals("1", SmallProcess.said(NativeAccessTest.class, "--enable-native-access=ALL-UNNAMED"));
    }
}
