package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
        "touch",
        "stty",
        "cut"
    };

    private static final String UNWRITABLE = "loft: cannot build: nothing can be written to ";

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
                mkdir -p "${PWD%/*}/repository"
                echo "picocli $n" >"${PWD%/*}/repository/picocli.jar"
                printf '%s' "$PWD/loft4j/target/loft4j-1.jar:${PWD%/*}/repository/picocli.jar" >loft4j-cli/target/classpath
                """);
        Path java = Files.createDirectories(directory.resolve("jdk/bin"));
        Files.writeString(directory.resolve("jdk/release"), "JAVA_VERSION=\"17.0.1\"\n");
        script(java.resolve("java"), """
                echo "LC_ALL=${LC_ALL:-}"
                echo run >>runs
                for word; do
                    echo "$word"
                    case $word in
                        -Xshare:dump) dump=yes ;;
                        -XX:SharedArchiveFile=*) [ -z "${dump:-}" ] || echo classes >"${word#*=}" ;;
                    esac
                done
                """);
    }

    private static void script(Path file, String text) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Process start(Path log) throws IOException {
        return start(log, "/bin/sh", home.resolve("loft").toString(), "--help");
    }

    private Process start(Path log, String... call) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(call);
        List.of("LOFT_CUDA", "LC_ALL").forEach(builder.environment()::remove);
        builder.environment().put("JAVA_HOME", directory.resolve("jdk").toString());
        builder.environment().put("PATH", tools.toString());
        builder.directory(home.toFile());
        return builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    }

    private String call(String name) throws Exception {
        Path log = directory.resolve(name);
        return end(start(log), log);
    }

    private static String end(Process process, Path log) throws Exception {
        return end(process, log, 0);
    }

    private static String end(Process process, Path log, int status) throws Exception {
        if (!process.waitFor(60, TimeUnit.SECONDS)) {
            process.destroy();
            fail(log + " waits for ever");
        }
        String said = Files.readString(log, StandardCharsets.UTF_8);
        assertEquals(status, process.exitValue(), said);
        return said;
    }

    /** A call that fails. */
    private String failing(String name) throws Exception {
        Path log = directory.resolve(name);
        return end(start(log), log, 1);
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
        assertEquals(home.resolveSibling("repository/picocli.jar").toString(), first.get(2));
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

    /** What {@code kill -0} says of another user's process: nothing, as of one that is gone. */
    @Test
    void theLockOfAnotherUsersCallIsWaitedFor() throws Exception {
        Files.deleteIfExists(tools.resolve("flock"));
        script(tools.resolve("ps"), "echo \"$@\" >>asked\n[ $(grep -c 99999999 asked) -lt 2 ]\n");
        Path target = Files.createDirectories(home.resolve("loft4j-cli/target"));
        Files.createSymbolicLink(target.resolve("loft.building"), Path.of("99999999"));
        String said = call("first");
        assertTrue(said.startsWith("loft: waiting for process 99999999, which builds"), said);
        assertEquals(List.of("-p 99999999", "-p 99999999"), Files.readAllLines(home.resolve("asked")));
        assertEquals(1, builds());
    }

    @Test
    void aBuildThatCannotBeLockedIsRefusedInALine() throws Exception {
        Path target = Files.createDirectories(home.resolve("loft4j-cli/target"));
        Path lock = Files.createDirectory(target.resolve("loft.lock"));
        String said = failing("directory");
        assertTrue(said.startsWith(UNWRITABLE + target), said);
        assertTrue(said.contains("; it would be building for the first time ("), said);
        Files.delete(lock);
        Files.deleteIfExists(tools.resolve("flock"));
        script(tools.resolve("ln"), "exit 1\n");
        said = failing("full");
        assertTrue(said.startsWith(UNWRITABLE + target), said);
        assertEquals(1, said.lines().count(), said);
    }

    /** As on a network's file system without locks. */
    @Test
    void whereTheFileSystemHasNoLocksALinkIsTheLock() throws Exception {
        script(tools.resolve("flock"), "exit 71\n");
        ofSeveralCallsOneBuilds(true);
        assertTrue(!Files.readString(directory.resolve("log0")).contains("waiting for another call"));
        assertTrue(!Files.isSymbolicLink(home.resolve("loft4j-cli/target/loft.building")));
    }

    /** The archive of another Java, which lies where nothing can be written: its version names a folder that is not there. */
    @Test
    void anArchiveThatCannotBeWrittenIsDoneWithout() throws Exception {
        call("first");
        Files.writeString(directory.resolve("jdk/release"), "JAVA_VERSION=\"21/nowhere\"\n");
        String said = call("other");
        assertTrue(!said.contains("-XX:SharedArchiveFile") && said.contains("org.loft4j.cli.Loft"), said);
        Files.writeString(directory.resolve("jdk/release"), "JAVA_VERSION=\"22\"\n");
        Files.delete(home.resolve("loft4j-cli/target/loft.lock"));
        Files.createDirectory(home.resolve("loft4j-cli/target/loft.lock"));
        said = call("unlocked");
        assertTrue(said.contains("org.loft4j.cli.Loft"), said);
        assertEquals(1, builds());
    }

    @Test
    void theFirstCallMakesAnArchiveOfClassesForThoseAfterIt() throws Exception {
        String said = call("first");
        Path archive = Path.of(classPath(said).get(0)).resolveSibling("loft-17.0.1.jsa");
        assertEquals("classes\n", Files.readString(archive));
        assertTrue(said.contains("\n-XX:SharedArchiveFile=" + archive + "\n"), said);
        assertTrue(!said.contains("-Xshare:dump") && !said.contains("-XX:DumpLoadedClassList"), said);
        assertEquals(said.substring(said.indexOf("LC_ALL")), call("second"));
        assertEquals(5, runs(), "a list, the archive, a trial, and two calls");
        try (Stream<Path> files = Files.list(archive.getParent())) {
            assertTrue(files.noneMatch(file -> file.toString().endsWith(".classes")), "the list is left");
        }
    }

    /** As other machines than OpenJDK's, which take its options for none. */
    @Test
    void aJavaThatMakesNoArchiveIsAskedOnce() throws Exception {
        script(directory.resolve("jdk/bin/java"), "echo run >>runs\necho \"$*\"\n");
        assertTrue(!call("first").contains("-XX:SharedArchiveFile"));
        assertTrue(call("second").contains("org.loft4j.cli.Loft --help"));
        assertEquals(5, runs());
    }

    private long runs() throws IOException {
        return Files.readAllLines(home.resolve("runs")).size();
    }

    @Test
    void aCheckoutThatWasMovedRunsItsOwnJars() throws Exception {
        call("first");
        Path moved = home.resolveSibling("moved [1]");
        Files.move(home, moved);
        home = moved;
        String said = call("second");
        assertTrue(said.startsWith("loft: building again: what is there is of another place"), said);
        assertTrue(classPath(said).get(0).startsWith(moved + "/"), said);
        assertTrue(!call("third").contains("loft: "), "built once");
        assertEquals(2, builds());
    }

    @Test
    void whatAnOlderLauncherLeftIsBuiltAgainAndItsArchivesGo() throws Exception {
        Path target = Files.createDirectories(home.resolve("loft4j-cli/target"));
        Files.writeString(target.resolve("loft.stamp"), "cpu\n");
        Path archive = Files.writeString(target.resolve("loft-17.0.1.jsa"), "");
        String said = call("first");
        assertTrue(said.startsWith("loft: building again: what is there is"), said);
        assertTrue(!Files.exists(archive), "left");
    }

    /** In ASCII the words of a call would be lost on Java. */
    @Test
    void aCallWithoutALocaleIsReadAsUtf8() throws Exception {
        call("built");
        assertTrue(call("unasked").contains("LC_ALL=C.UTF-8\n"), "where nobody says which locale there is");
        script(tools.resolve("locale"), "echo \"locale: Cannot set LC_CTYPE\" >&2\necho ANSI_X3.4-1968\n");
        String said = call("ascii");
        assertTrue(said.contains("LC_ALL=C.UTF-8\n") && !said.contains("Cannot set"), said);
        for (String charset : new String[] {"UTF-8", "ISO-8859-1"}) {
            script(tools.resolve("locale"), "[ \"$1\" = charmap ] && echo " + charset + "\n");
            assertTrue(call(charset).contains("LC_ALL=\n"), charset);
        }
    }

    @Test
    void everyVerbIsToldOfTheTerminal() throws Exception {
        Path pty = Path.of("/usr/bin/script");
        assumeTrue(Files.isExecutable(pty), "no terminal can be had");
        call("built");
        for (String width : new String[] {"73", "0"}) {
            Path log = directory.resolve("terminal " + width);
            String call = "stty cols " + width + "; exec /bin/sh '" + home.resolve("loft") + "' inspect run";
            String said = end(start(log, pty.toString(), "-qec", call, "/dev/null"), log);
            assertTrue(said.contains("-Dloft.columns=" + (width.equals("0") ? "100" : width) + "\r\n"), said);
            assertTrue(said.contains("-Dloft.terminal=true\r\n-"), said);
            assertTrue(said.contains("-Dloft.colour=true\r\n-"), said);
            assertTrue(said.contains("-Dloft.keyboard=true\r\n-"), said);
            call = "exec /bin/sh '" + home.resolve("loft") + "' inspect run </dev/null";
            said = end(start(log, pty.toString(), "-qec", call, "/dev/null"), log);
            assertTrue(said.contains("-Dloft.terminal=true") && !said.contains("-Dloft.keyboard"), said);
        }
        String said = end(
                start(directory.resolve("file"), "/bin/sh", home.resolve("loft").toString(), "inspect"),
                directory.resolve("file"));
        assertTrue(!said.contains("-Dloft.colour") && !said.contains("-Dloft.terminal"), said);
        assertTrue(!said.contains("-Dloft.keyboard"), said);
    }

    @Test
    void aLibraryThatIsGoneFromMavensRepositoryIsFetchedAgain() throws Exception {
        Path library = Path.of(classPath(call("first")).get(2));
        Files.delete(library);
        String said = call("second");
        assertTrue(
                said.startsWith(
                        "loft: building again, because a library is gone, or not to be read: " + library + "\n"),
                said);
        assertEquals(library, Path.of(classPath(said).get(2)));
        assertTrue(!call("third").contains("loft: "), "built once");
        assertEquals(2, builds());
    }

    @Test
    void aBuildThatFailsIsTriedAgain() throws Exception {
        call("first");
        change();
        Path mvn = tools.resolve("mvn");
        String works = Files.readString(mvn);
        script(mvn, "echo broken\nexit 1\n");
        String said = failing("failing");
        assertTrue(said.contains("broken\nloft: the build failed"), said);
        Files.writeString(mvn, works);
        assertTrue(call("again").contains("building again"));
        assertEquals(2, builds());
    }
}
