package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.Writer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.loft4j.io.HubEnvironment;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** What the help pages owe their readers. */
class HelpTest {
    private static List<CommandLine> verbs() {
        PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
        List<CommandLine> verbs = new ArrayList<>();
        collect(Call.commandLine(HubEnvironment::ofUser, nowhere, nowhere), verbs);
        return verbs;
    }

    private static void collect(CommandLine command, List<CommandLine> verbs) {
        command.getSubcommands().values().forEach(verb -> {
            if (verb.getCommand() instanceof Verb) {
                verbs.add(verb);
            }
            collect(verb, verbs);
        });
    }

    @TestFactory
    Stream<DynamicTest> everyOptionWithAValueNamesItsDefaultOrThatItIsRequired() {
        return verbs().stream()
                .map(verb -> DynamicTest.dynamicTest(verb.getCommandSpec().qualifiedName(), () -> {
                    List<String> silent = new ArrayList<>();
                    for (OptionSpec option : verb.getCommandSpec().options()) {
                        String text = String.join(" ", option.description());
                        boolean says = text.contains("Default: ")
                                || text.toLowerCase(Locale.ROOT).contains("required");
                        boolean isSwitch = option.type() == boolean.class || option.type() == Boolean.class;
                        if (text.isBlank() || (!isSwitch && !says)) {
                            silent.add(option.longestName());
                        }
                        if (option.required() && !text.contains("Required")) {
                            silent.add(option.longestName() + " (required)");
                        }
                    }
                    assertEquals(List.of(), silent);
                }));
    }

    @TestFactory
    Stream<DynamicTest> aPageIsAsWideAsItSaysAndHasNoPlaceholderLeft() {
        return verbs().stream()
                .map(verb -> DynamicTest.dynamicTest(verb.getCommandSpec().qualifiedName(), () -> {
                    String page = verb.getUsageMessage();
                    assertTrue(!page.contains("${"), page);
                    assertTrue(page.chars().allMatch(c -> c == '\n' || !Character.isISOControl(c)), page);
                    page.lines().forEach(line -> assertTrue(line.length() <= 100, line));
                    // an example that the page would break could not be copied
                    Arrays.stream(verb.getCommandSpec().usageMessage().footer())
                            .forEach(line -> assertTrue(line.length() <= 100, line));
                }));
    }

    @Test
    void trainingIsInGroups() {
        String page = Captured.loft("train", "--help").out();
        int at = -1;
        for (String group : List.of(
                "Model:",
                "Task:",
                "Encoders:",
                "Data:",
                "Conversations:",
                "Preferences:",
                "Sentence embeddings:",
                "Images:",
                "Images in training:",
                "Held-out data:",
                "Method:",
                "Adapter:",
                "Loss:",
                "Optimizer:",
                "Length:",
                "Run:",
                "Device:",
                "General:",
                "Examples:")) {
            int next = page.indexOf("\n" + group);
            assertTrue(next > at, group + " after the group before it\n" + page);
            at = next;
        }
        assertFalse(page.contains("\nOptions:"), "an option that no group has\n" + page);
    }
}
