package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the shell's launcher builds and when, with a Maven and a Java that only say what they were called with. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "it is a shell script")
class LauncherTest {
    private static final String[] TOOLS = {
        "sh",
        "mkdir",
        "rm",
        "cp",
        "mv",
        "ls",
        "ln",
        "cat",
        "date",
        "find",
        "head",
        "tail",
        "sed",
        "grep",
        "sleep",
        "readlink",
        "flock",
        "touch"
    };

    @TempDir
    Path directory;

    private Path home;
    private Path tools;

    @BeforeEach
    void aCheckout() throws IOException {
        home = directory.toRealPath().resolve("check out");
        for (String module : new String[] {"loft4j", "loft4j-cli"}) {
            Files.createDirectories(home.resolve(module + "/src/main"));
            Files.writeString(home.resolve(module + "/pom.xml"), "");
        }
        Files.writeString(home.resolve("pom.xml"), "");
        Files.copy(Path.of("../loft"), home.resolve("loft"));
        tools = Files.createDirectory(directory.resolve("tools"));
        for (String tool : TOOLS) {
            for (String place : new String[] {"/usr/bin", "/bin"}) {
                if (Files.exists(Path.of(place, tool))) {
                    script(tools.resolve(tool), "exec " + place + "/" + tool + " \"$@\"\n");
                }
            }
        }
        script(tools.resolve("mvn"), """
                echo build >>builds
                n=$(grep -c build builds)
                sleep 0.5
                mkdir -p loft4j/target loft4j-cli/target
                echo "library $n" >loft4j/target/loft4j-1.jar
                echo "command $n" >loft4j-cli/target/loft4j-cli.jar
                printf '%s' "$PWD/loft4j/target/loft4j-1.jar:/elsewhere/picocli.jar" >loft4j-cli/target/classpath
                """);
        Path java = Files.createDirectories(directory.resolve("jdk/bin"));
        Files.writeString(directory.resolve("jdk/release"), "JAVA_VERSION=\"17.0.1\"\n");
        script(java.resolve("java"), """
                for word; do
                    echo "$word"
                    case $word in -XX:ArchiveClassesAtExit=*) : >"${word#*=}" ;; esac
                done
                """);
    }

    private static void script(Path file, String text) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Process start(Path log) throws IOException {
        ProcessBuilder builder =
                new ProcessBuilder("/bin/sh", home.resolve("loft").toString(), "--help");
        builder.environment().remove("LOFT_CUDA");
        builder.environment().put("JAVA_HOME", directory.resolve("jdk").toString());
        builder.environment().put("PATH", tools.toString());
        return builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    }

    private String call(String name) throws Exception {
        Path log = directory.resolve(name);
        return end(start(log), log);
    }

    private static String end(Process process, Path log) throws Exception {
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), log + " waits for ever");
        String said = Files.readString(log, StandardCharsets.UTF_8);
        assertEquals(0, process.exitValue(), said);
        return said;
    }

    private int builds() throws IOException {
        return Files.readAllLines(home.resolve("builds")).size();
    }

    /** The class path of a call, as the Java was given it. */
    private static List<String> classPath(String said) {
        List<String> words = said.lines().toList();
        return List.of(words.get(words.lastIndexOf("-cp") + 1).split(":"));
    }

    private void change() throws IOException {
        Files.writeString(home.resolve("loft4j/src/main/A.java"), "");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void ofSeveralCallsOneBuilds(boolean flock) throws Exception {
        if (!flock) {
            Files.deleteIfExists(tools.resolve("flock"));
        }
        List<Process> calls = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            calls.add(start(directory.resolve("log" + i)));
        }
        for (int i = 0; i < 3; i++) {
            List<String> entries = classPath(end(calls.get(i), directory.resolve("log" + i)));
            assertEquals(List.of("command 1"), Files.readAllLines(Path.of(entries.get(0))));
        }
        assertEquals(1, builds());
        String quiet = call("quiet");
        assertTrue(!quiet.contains("loft: "), quiet);
        assertEquals(1, builds());
    }

    @Test
    void aCallThatGoesOnKeepsTheJarsThatItRuns() throws Exception {
        List<String> first = classPath(call("first"));
        assertEquals("/elsewhere/picocli.jar", first.get(2));
        change();
        String said = call("second");
        assertTrue(said.contains("loft: building again, because the sources changed"), said);
        List<String> second = classPath(said);
        assertEquals(2, builds());
        for (int build = 1; build <= 2; build++) {
            List<String> entries = build == 1 ? first : second;
            assertEquals(List.of("command " + build), Files.readAllLines(Path.of(entries.get(0))));
            assertEquals(List.of("library " + build), Files.readAllLines(Path.of(entries.get(1))));
        }
        for (int i = 0; i < 4; i++) {
            change();
            call("later" + i);
        }
        try (Stream<Path> all = Files.list(home.resolve("loft4j-cli/target"))) {
            assertEquals(
                    4,
                    all.filter(path -> path.getFileName().toString().startsWith("dist-"))
                            .count());
        }
    }

    @Test
    void theLockOfACallThatIsGoneIsNone() throws Exception {
        Files.deleteIfExists(tools.resolve("flock"));
        Path target = Files.createDirectories(home.resolve("loft4j-cli/target"));
        Files.createSymbolicLink(target.resolve("loft.building"), Path.of("99999999"));
        call("first");
        assertEquals(1, builds());
        assertTrue(!Files.isSymbolicLink(target.resolve("loft.building")));
    }

    /** A bracket in the path of the checkout would end a block of brackets. */
    @Test
    void theOneForWindowsHasNoBlocks() throws IOException {
        String script = Files.readString(Path.of("../loft.cmd"));
        assertEquals(
                List.of(), script.lines().filter(line -> line.endsWith("(")).toList());
        assertEquals(script.lines().count(), script.split("\r\n").length, "line ends of Windows");
    }

    @Test
    void aBuildThatFailsIsTriedAgain() throws Exception {
        call("first");
        change();
        Path mvn = tools.resolve("mvn");
        String works = Files.readString(mvn);
        script(mvn, "echo broken\nexit 1\n");
        Path log = directory.resolve("failing");
        Process failing = start(log);
        assertEquals(1, failing.waitFor());
        assertTrue(Files.readString(log).contains("broken\nloft: the build failed"), Files.readString(log));
        Files.writeString(mvn, works);
        assertTrue(call("again").contains("building again"));
        assertEquals(2, builds());
    }
}
