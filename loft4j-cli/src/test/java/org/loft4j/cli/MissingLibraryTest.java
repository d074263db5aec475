package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class MissingLibraryTest {
    private static final String OF_CUDA =
            "/cache/libjnitorch.so: libcudnn.so.9: cannot open shared object file: No such file or directory";

    private static String explained(Throwable fault) {
        return String.valueOf(MissingLibrary.explain(fault));
    }

    /** As JavaCPP throws it: what it looked for last in vain, with the true cause behind. */
    private static UnsatisfiedLinkError linking(String cause) {
        UnsatisfiedLinkError fault = new UnsatisfiedLinkError("no jnitorch in java.library.path: /usr/lib");
        fault.initCause(new UnsatisfiedLinkError(cause));
        return fault;
    }

    @Test
    void aLibraryOfCudaIsNamedWithWhatHelps() {
        String line = explained(linking(OF_CUDA));
        assertTrue(line.startsWith("libcudnn.so.9 is missing, "), line);
        assertTrue(line.contains("LOFT_CUDA=0 ./loft"), line);
        assertEquals(1, line.lines().count());
    }

    @Test
    void soItIsAtTheSecondAttempt() {
        NoClassDefFoundError again = new NoClassDefFoundError("Could not initialize class org.loft4j.tensor.Engine");
        again.initCause(new ExceptionInInitializerError(
                "Exception java.lang.UnsatisfiedLinkError: " + OF_CUDA + " [in thread \"main\"]"));
        assertEquals(explained(linking(OF_CUDA)), explained(again));
    }

    @Test
    void anotherLibraryHasNothingToDoWithCuda() {
        String line = explained(linking(
                "/cache/libtorch_cpu.so: libgomp.so.1: cannot open shared object file: No such file or directory"));
        assertTrue(line.startsWith("libgomp.so.1 is missing, "), line);
        assertFalse(line.contains("CUDA"), line);
    }

    @Test
    void otherFaultsAreLeftAlone() {
        assertNull(MissingLibrary.explain(new IllegalStateException("x", new RuntimeException("y"))));
        assertNull(MissingLibrary.explain(new NoSuchMethodError("int Some.thing()")));
    }

    /** There are no natives for such a machine. */
    @Test
    void aVerbThatFindsNoNativesFailsInALine() throws Exception {
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Dorg.bytedeco.javacpp.platform=linux-s390x",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Loft.class.getName(),
                        "merge",
                        "--device=cuda",
                        "--adapter=run",
                        "--output=merged"))
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        assertEquals(1, process.exitValue(), said);
        String last = said.lines().reduce((a, b) -> b).orElse("");
        assertTrue(last.startsWith("loft merge: native code cannot be loaded: "), said);
        assertFalse(said.contains("\tat "), said);
    }
}
