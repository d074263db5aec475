package org.loft4j.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class EngineTest {
    /** One word; which one depends on the processor. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void theKernelsOfProductsAreNamed() {
        Engine.start();
        String kernels = Engine.blasKernels().orElseThrow();
        assertTrue(kernels.matches("[A-Za-z][A-Za-z0-9_]{2,}"), kernels);
    }

    /** The process: says how many threads an operation has. */
    public static void main(String[] arguments) {
        Engine.start();
        System.out.println(Engine.threads());
    }

    @Test
    void thereAreNoMoreThreadsThanJavaMayUseUnlessTheyAreAskedFor() throws Exception {
        assertEquals("1", threads(""));
        assertEquals("2", threads("2"));
    }

    /** As in a container that may use one processor. */
    private static String threads(String asked) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(
                System.getProperty("java.home") + "/bin/java",
                "-XX:ActiveProcessorCount=1",
                "-cp",
                System.getProperty("java.class.path"),
                EngineTest.class.getName());
        builder.environment().remove("OMP_NUM_THREADS");
        if (!asked.isEmpty()) {
            builder.environment().put("OMP_NUM_THREADS", asked);
        }
        Process process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return said.strip();
    }
}
