package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Which natives the launcher runs with, where Maven was called beside it. */
@EnabledOnOs(OS.LINUX)
class LauncherNativesTest {
    private static final String NO_SEARCH = "-Dorg.bytedeco.javacpp.platform.extension= ";

    @TempDir
    Path directory;

    private Path target;
    private String processor;
    private String gpu;

    @BeforeEach
    void aBuildThatStandsAndProgramsThatSayHowTheyWereCalled() throws IOException {
        target = Files.createDirectories(directory.toRealPath().resolve("loft4j-cli/target"));
        Files.copy(Path.of("../loft"), directory.resolve("loft"));
        Path bin = Files.createDirectories(directory.resolve("jdk/bin"));
        Files.writeString(directory.resolve("jdk/release"), "JAVA_VERSION=\"17.0.1\"\n");
        program(bin.resolve("java"), "echo java \"$@\"");
        program(bin.resolve("mvn"), "echo mvn \"$@\" >&2; exit 1");
        Files.createDirectory(target.resolve("dist-1"));
        Files.createFile(target.resolve("dist-1/loft4j-cli.jar"));
        processor = library("pytorch-2.10.0-1.5.13-linux-x86_64.jar");
        gpu = library("pytorch-2.10.0-1.5.13-linux-x86_64-gpu.jar") + ":" + processor;
        Files.createFile(target.resolve("dist-1/loft-17.0.1.jsa"));
    }

    private String library(String name) throws IOException {
        return Files.createFile(directory.toRealPath().resolve(name)).toString();
    }

    private static void program(Path file, String line) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + line + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /**
     * What the launcher called.
     *
     * @param built the natives of the last build
     * @param beside the class path that Maven has left since
     */
    private String call(String built, String beside, String cuda) throws Exception {
        Files.writeString(
                target.resolve("dist-1/classpath"),
                target.resolve("dist-1/loft4j-cli.jar") + ":" + (built.equals("cuda") ? gpu : processor) + "\n");
        Files.writeString(target.resolve("loft.stamp"), built + " dist-1\n");
        Files.writeString(target.resolve("classpath"), beside);
        ProcessBuilder process =
                new ProcessBuilder("sh", directory.resolve("loft").toString(), "doctor", "x");
        process.environment().put("JAVA_HOME", directory.resolve("jdk").toString());
        process.environment().put("PATH", directory.resolve("jdk/bin") + ":" + System.getenv("PATH"));
        process.environment().put("LOFT_CUDA", cuda);
        Process started = process.redirectErrorStream(true).start();
        return new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    @Test
    void whatMavenLeavesBesideItChangesNothing() throws Exception {
        String onGpu = call("cuda", processor, "");
        assertTrue(onGpu.startsWith("java ") && onGpu.contains(gpu), onGpu);
        assertFalse(onGpu.contains(NO_SEARCH), onGpu);
        String onProcessor = call("cpu", gpu, "");
        assertTrue(onProcessor.startsWith("java ") && onProcessor.contains(NO_SEARCH), onProcessor);
        assertFalse(onProcessor.contains(gpu), onProcessor);
    }

    @Test
    void othersAreBuiltWhereOthersAreAskedFor() throws Exception {
        assertTrue(call("cpu", gpu, "1").contains("-Pcuda"));
        assertTrue(call("cuda", processor, "0").contains("building again, for cpu"));
        assertEquals(call("cpu", processor, ""), call("cpu", gpu, "0"));
    }
}
