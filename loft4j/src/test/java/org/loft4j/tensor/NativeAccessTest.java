package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
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

    private static String said(String flag) throws Exception {
        Process process = new ProcessBuilder(List.of(
                        System.getProperty("java.home") + "/bin/java",
                        "-XX:TieredStopAtLevel=1",
                        flag,
                        "-cp",
                        System.getProperty("java.class.path"),
                        NativeAccessTest.class.getName()))
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return said.strip();
    }

    @Test
    void theFlagThatIsMissingIsNamed() throws Exception {
        String said = said("--illegal-native-access=deny");
        assertTrue(said.startsWith("libtorch cannot be loaded"), said);
        assertTrue(said.contains("--enable-native-access=ALL-UNNAMED"), said);
    }

    @Test
    void withItAllIsWell() throws Exception {
        assertEquals("1", said("--enable-native-access=ALL-UNNAMED"));
    }
}
