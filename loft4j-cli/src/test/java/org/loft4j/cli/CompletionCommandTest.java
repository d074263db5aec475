package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.HubEnvironment;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

class CompletionCommandTest {
    private static final Path BASH = Path.of("/bin/bash");

    @TempDir
    Path directory;

    @Test
    void bashCompletesVerbsOptionsAndWords() throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(BASH), "no bash here");
        assertEquals(List.of("train"), completed("loft", "tra"));
        assertEquals(List.of("--gradient-checkpointing"), completed("loft", "train", "--gradient-ch"));
        assertTrue(completed("loft", "train", "--method", "").containsAll(List.of("loft", "lora-pro", "full")));
        assertEquals(List.of("cosine", "cosine_with_min_lr"), completed("loft", "train", "--schedule", "cos"));
        assertEquals(List.of("blocks"), completed("loft", "train", "--packing", "bl"));
        assertEquals(List.of("regression", "ranking"), completed("loft", "train", "--problem-type", "r"));
        assertEquals(List.of("check"), completed("loft", "data", "ch"));
        assertEquals(List.of("bash", "zsh"), completed("loft", "completion", ""));
        assertTrue(completed("loft", "adapters", "combine", "--").contains("--how"));
    }

    /** As the help has it; bash takes the sign for a word of its own. */
    @Test
    void wordsBehindAnEqualsSignAreCompletedToo() throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(BASH), "no bash here");
        assertEquals(List.of("lora-plus", "lora-pro"), completed("loft", "train", "--method", "=", "lora-p"));
        assertTrue(completed("loft", "train", "--method", "=").containsAll(List.of("loft", "lora-pro", "full")));
    }

    /** Models and rows are named by paths, for which the script has no words: bash is to offer its own. */
    @Test
    void whereThereAreNoWordsBashNamesFiles() throws Exception {
        String script = Captured.loft("completion", "bash").out();
        assertTrue(script.contains("complete -F _complete_loft -o default loft"), "files are what is offered else");
        assertFalse(script.contains("compopt +o default"), "and no option takes that away");
        Assumptions.assumeTrue(Files.isExecutable(BASH), "no bash here");
        assertEquals(List.of(), completed("loft", "train", "--data", "ro"));
    }

    /** The script has one list of words for all options of a verb whose parameter has one name. */
    @Test
    void noTwoOptionsWithWordsShareTheNameOfAParameter() {
        requireApart(Loft.commandLine(HubEnvironment::ofUser));
    }

    private static void requireApart(CommandLine verb) {
        Map<String, String> named = new HashMap<>();
        for (OptionSpec option : verb.getCommandSpec().options()) {
            if (option.completionCandidates() != null && !option.hidden()) {
                String other = named.put(option.paramLabel(), option.longestName());
                assertNull(other, verb.getCommandName() + ": " + other + " and " + option.longestName());
            }
        }
        verb.getSubcommands().values().forEach(CompletionCommandTest::requireApart);
    }

    /** What the script offers for the last of the words. */
    private List<String> completed(String... words) throws IOException, InterruptedException {
        Captured script = Captured.loft("completion", "bash");
        assertEquals(0, script.status(), script.err());
        Path file = Files.writeString(directory.resolve("loft.bash"), script.out());
        StringBuilder line = new StringBuilder("source '" + file + "'\nCOMP_WORDS=(");
        for (String word : words) {
            line.append('\'').append(word).append("' ");
        }
        // compopt works in a real completion alone
        line.append(")\ncompopt() { :; }\nCOMP_CWORD=")
                .append(words.length - 1)
                .append("\n_complete_loft\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n");
        Process bash = new ProcessBuilder(BASH.toString(), "--norc", "-c", line.toString())
                .redirectErrorStream(true)
                .start();
        String out = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, bash.waitFor(), out);
        return out.lines().map(String::strip).filter(word -> !word.isEmpty()).toList();
    }

    @Test
    void zshReadsTheSameScriptThroughItsOwnDoor() {
        Captured zsh = Captured.loft("completion", "zsh");
        assertEquals(0, zsh.status(), zsh.err());
        assertTrue(zsh.out().contains("bashcompinit"), "loads bashcompinit under zsh");
        assertEquals(zsh.out(), Captured.loft("completion", "bash").out());
        Captured fish = Captured.loft("completion", "fish");
        assertEquals(2, fish.status());
        assertEquals(
                List.of(
                        "loft completion: SHELL must be one of bash, zsh, got fish",
                        "'loft completion --help' says what it takes."),
                fish.err().lines().toList());
    }
}
