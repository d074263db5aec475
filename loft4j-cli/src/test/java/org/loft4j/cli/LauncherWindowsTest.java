package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The launcher for Windows, as a text. */
class LauncherWindowsTest {
    /** A bracket in the path of the checkout would end a block of brackets. */
    @Test
    void theOneForWindowsHasNoBlocks() throws IOException {
        String script = Files.readString(Path.of("../loft.cmd"));
        assertEquals(
                List.of(), script.lines().filter(line -> line.endsWith("(")).toList());
        assertEquals(script.lines().count(), script.split("\r\n").length, "line ends of Windows");
    }

    /** What does not depend on the terminal or on what was built. */
    @Test
    void theOneForWindowsGivesJavaTheSameOptions() throws IOException {
        String windows = Files.readString(Path.of("../loft.cmd"));
        String unix = Files.readString(Path.of("../loft"));
        List<String> options = new ArrayList<>(
                List.of("-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED", "\"-Dloft.command=%~0\""));
        int at = unix.indexOf("exec \"$java\"");
        for (String word : unix.substring(at, unix.indexOf("$extension", at)).split("\\s+")) {
            if (word.matches("-[XD].*")) {
                options.add(word);
            }
        }
        assertTrue(options.size() > 10, options.toString());
        List<String> line = List.of(windows.lines()
                .filter(words -> words.contains("org.loft4j.cli.Loft"))
                .findFirst()
                .orElseThrow()
                .split(" "));
        options.removeAll(line);
        assertEquals(List.of(), options, "not in loft.cmd");
    }
}
