package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Starts the main method of a test class in a process of its own, with the class path of the test. */
public final class ChildJvm {
    private ChildJvm() {}

    static Process start(Class<?> main, Path errors, List<String> jvmFlags, String... arguments) throws IOException {
        return start(command(main, jvmFlags, arguments), errors);
    }

    static List<String> command(Class<?> main, List<String> jvmFlags, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(jvmFlags);
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(arguments));
        return command;
    }

    static Process start(List<String> command, Path errors) throws IOException {
        ProcessBuilder builder = builder(command, errors);
        // what is freed goes back to the system at once, so that the resident size tells what is held
        builder.environment().put("MALLOC_MMAP_THRESHOLD_", "65536");
        return builder.start();
    }

    /** With the C library as users have it, which keeps some of what is freed. */
    public static Process plain(Class<?> main, Path errors, List<String> jvmFlags, String... arguments)
            throws IOException {
        return builder(command(main, jvmFlags, arguments), errors).start();
    }

    private static ProcessBuilder builder(List<String> command, Path errors) {
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("OMP_WAIT_POLICY", "passive");
        return builder.redirectError(errors.toFile());
    }

    /** What a process of the plain kind has said when it has ended. */
    public static String said(Class<?> main, Path folder, String... arguments) throws Exception {
        Path errors = folder.resolve("errors.txt");
        Process process = plain(main, errors, List.of(), arguments);
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), () -> ChildJvm.text(errors));
        return said.strip();
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
