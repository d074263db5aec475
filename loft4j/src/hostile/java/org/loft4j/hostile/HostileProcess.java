package org.loft4j.hostile;

import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A run in a process of its own with a small heap, where a crash of the JVM can be seen. */
public final class HostileProcess {
    private static final int MEBIBYTES = 256;

    private HostileProcess() {}

    /** Runs a format: class, folder, number of files. */
    public static void main(String[] arguments) throws Exception {
        var constructor = Class.forName(arguments[0]).getDeclaredConstructor();
        constructor.setAccessible(true);
        HostileFormat format = (HostileFormat) constructor.newInstance();
        HostileRun run = HostileRun.of(format, Path.of(arguments[1]), Integer.parseInt(arguments[2]));
        run.requireNoFault();
        if (run.grownMebibytes() > MEBIBYTES) {
            throw new AssertionError("takes " + run.grownMebibytes() + " MiB more than before");
        }
        System.out.println("all are read or refused");
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }

    static void prove(Class<?> format, Path folder, int count) throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-Xmx192m", "-XX:+UseSerialGC", "-Djava.awt.headless=true", "-Dtests.seed=" + seed));
        command.addAll(List.of("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0", "-XX:ErrorFile=" + folder.resolve("crash")));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), HostileProcess.class.getName()));
        Path files = Files.createDirectory(folder.resolve("files"));
        command.addAll(List.of(format.getName(), files.toString(), Integer.toString(count)));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("OMP_NUM_THREADS", "1");
        builder.environment().put("OMP_WAIT_POLICY", "passive");
        Process process = builder.start();
        List<String> last = new ArrayList<>();
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("hostile | ")) {
                    System.out.println(line);
                }
                last.add(line);
                if (last.size() > 300) {
                    last.remove(0);
                }
            }
        }
        int status = process.waitFor();
        if (status != 0 || !last.contains("all are read or refused")) {
            Path crash = folder.resolve("crash");
            throw new AssertionError(
                    format.getSimpleName() + ", -Dtests.seed=" + seed + ": the process ended with " + status + "\n"
                            + String.join("\n", last)
                            + (Files.exists(crash) ? "\n" + Files.readString(crash).substring(0, 4000) : ""));
        }
    }
}
