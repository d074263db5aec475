package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What the launcher makes of the machine, with programs and files that say which it is. */
@EnabledOnOs(OS.LINUX)
class LauncherMachineTest {
    @TempDir
    Path directory;

    private Path bin;
    private Path root;

    @BeforeEach
    void aBuildThatStandsOnAMachineOfFourCores() throws IOException {
        root = Files.createDirectory(directory.toRealPath().resolve("root"));
        // the files of the system are looked for there
        Files.writeString(
                directory.resolve("loft"),
                Files.readString(Path.of("../loft"))
                        .replace("/sys/fs/cgroup", root + "/cgroup")
                        .replace("/lib64/ld-linux", root + "/ld-linux")
                        .replace("/lib/ld-musl", root + "/ld-musl"));
        bin = Files.createDirectories(directory.resolve("jdk/bin"));
        Files.writeString(directory.resolve("jdk/release"), "JAVA_VERSION=\"17.0.1\"\n");
        program("java", "echo \"threads=$OMP_NUM_THREADS\" \"$@\"");
        program("mvn", "echo built >&2; exit 1");
        program("nproc", "echo 8");
        program("lscpu", "printf '# Core,Socket\\n0,0\\n0,0\\n1,0\\n1,0\\n2,0\\n2,0\\n3,0\\n3,0\\n'");
        machine("Linux", "x86_64");
        Path target = Files.createDirectories(directory.toRealPath().resolve("loft4j-cli/target"));
        Path built = Files.createDirectory(target.resolve("dist-1"));
        Files.createFile(built.resolve("loft-17.0.1.jsa"));
        Path jar = Files.createFile(built.resolve("loft4j-cli.jar"));
        Files.writeString(built.resolve("classpath"), jar + "\n");
        Files.writeString(target.resolve("loft.stamp"), "cpu dist-1\n");
    }

    private void program(String name, String line) throws IOException {
        Path file = Files.writeString(bin.resolve(name), "#!/bin/sh\n" + line + "\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private void machine(String system, String processor) throws IOException {
        program("uname", "[ \"$1\" = -m ] && echo " + processor + " || echo " + system);
        program("sysctl", "exit 1");
    }

    private String call(Map<String, String> more) throws IOException {
        ProcessBuilder process =
                new ProcessBuilder("sh", directory.resolve("loft").toString(), "doctor", "x");
        List.of("OMP_NUM_THREADS", "LOFT_CUDA", "LOFT_JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
                .forEach(process.environment()::remove);
        process.environment().put("JAVA_HOME", directory.resolve("jdk").toString());
        process.environment().put("PATH", bin + ":" + System.getenv("PATH"));
        process.environment().putAll(more);
        Process started = process.redirectErrorStream(true).start();
        return new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    private String threads() throws IOException {
        return call(Map.of()).split(" ", 2)[0];
    }

    private void file(String name, String text) throws IOException {
        Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }

    @Test
    void thereAreAsManyThreadsAsCoresThatMayBeUsed() throws IOException {
        assertEquals("threads=4", threads());
        Map<String, String> limits = Map.of(
                "max 100000",
                "4",
                "150000 100000",
                "2",
                "50000 100000",
                "1",
                "300000 100000",
                "3",
                "600000 100000",
                "4");
        for (Map.Entry<String, String> limit : limits.entrySet()) {
            file("cgroup/cpu.max", limit.getKey() + "\n");
            assertEquals("threads=" + limit.getValue(), threads(), limit.getKey());
        }
        file("cgroup/cpu.max", "100000 100000\n");
        assertTrue(call(Map.of("OMP_NUM_THREADS", "7")).startsWith("threads=7 "));
    }

    @Test
    void theOlderFilesOfALimitAreReadToo() throws IOException {
        file("cgroup/cpu/cpu.cfs_period_us", "50000\n");
        file("cgroup/cpu/cpu.cfs_quota_us", "-1\n");
        assertEquals("threads=4", threads());
        file("cgroup/cpu/cpu.cfs_quota_us", "100000\n");
        assertEquals("threads=2", threads());
    }

    @Test
    void aMachineThatTheNativesAreNotForIsNamedBeforeTheBuild() throws IOException {
        Files.delete(directory.resolve("loft4j-cli/target/loft.stamp"));
        assertTrue(call(Map.of()).contains("built"));
        machine("Darwin", "arm64");
        assertTrue(call(Map.of()).contains("built"));
        machine("Darwin", "x86_64");
        program("sysctl", "echo 1");
        assertTrue(call(Map.of()).contains("built"), "a translated shell on Apple silicon");
        for (String[] other : new String[][] {{"Linux", "aarch64"}, {"Darwin", "x86_64"}, {"FreeBSD", "amd64"}}) {
            machine(other[0], other[1]);
            String said = call(Map.of());
            assertTrue(
                    said.contains("and this is " + other[0] + " " + other[1] + ": take docker run --platform"), said);
            assertFalse(said.contains("built"), said);
        }
        machine("Linux", "x86_64");
        file("ld-musl-x86_64.so.1", "");
        String said = call(Map.of());
        assertTrue(said.contains("needs glibc, and this system has musl (Alpine)"), said);
        file("ld-linux-x86-64.so.2", "");
        assertTrue(call(Map.of()).contains("built"), "musl beside glibc");
    }

    @Test
    void aCollectorThatTheUserNamesIsTheOnlyOne() throws IOException {
        assertTrue(call(Map.of()).contains(" -XX:+UseSerialGC "));
        assertTrue(call(Map.of("LOFT_JAVA_OPTS", "-Xmx8g")).contains(" -XX:+UseSerialGC "));
        for (String variable : List.of("LOFT_JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")) {
            String said = call(Map.of(variable, "-Xmx8g -XX:+UseParallelGC"));
            assertFalse(said.contains("-XX:+UseSerialGC"), said);
        }
    }
}
