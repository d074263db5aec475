package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.loft4j.io.HubEnvironment;
import picocli.CommandLine;

/** Every call of {@code loft} that a page or a help text shows is one that the command line takes. */
class ReadmeTest {
    private static final Path ROOT = Path.of("..");
    private static final Pattern BLOCK = Pattern.compile("(?ms)^```[a-z]*\\R(.*?)^```");
    private static final Pattern CALL =
            Pattern.compile("(?m)^\\s*(?:\\$ )?(?:[A-Z_]+=\\S+ )*(?:cat \\S+ \\| )?(?:\\./)?loft (.+)$");
    private static final Pattern WORD = Pattern.compile("\"([^\"]*)\"|'([^']*)'|(\\S+)");

    @TestFactory
    Stream<DynamicTest> callsOnThePages() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path page : pages()) {
            for (String call : calls(Files.readString(page))) {
                tests.add(DynamicTest.dynamicTest(page.getFileName() + ": loft " + call, () -> requireValid(call)));
            }
        }
        assertFalse(tests.isEmpty(), "no page shows a call of loft");
        return tests.stream();
    }

    @TestFactory
    Stream<DynamicTest> examplesOfTheHelpTexts() {
        CommandLine root = Call.commandLine(HubEnvironment::ofUser, nowhere(), nowhere());
        List<CommandLine> all = new ArrayList<>(root.getSubcommands().values());
        all.add(root);
        return all.stream()
                .map(command -> String.join(
                        "\n", command.getCommandSpec().usageMessage().footer()))
                .flatMap(footer -> CALL.matcher(joined(footer)).results())
                .map(result -> DynamicTest.dynamicTest("loft " + result.group(1), () -> requireValid(result.group(1))));
    }

    @Test
    void everyVerbHasAnExample() {
        Call.commandLine(HubEnvironment::ofUser, nowhere(), nowhere())
                .getSubcommands()
                .forEach((name, verb) -> {
                    if (verb.getCommand() instanceof Verb) {
                        assertTrue(verb.getCommandSpec().usageMessage().footer().length > 0, name);
                    }
                });
    }

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>();
        try (Stream<Path> top = Files.list(ROOT);
                Stream<Path> docs = Files.walk(ROOT.resolve("docs"))) {
            Stream.concat(top, docs)
                    .filter(file -> file.toString().endsWith(".md"))
                    .sorted()
                    .forEach(pages::add);
        }
        return pages;
    }

    private static List<String> calls(String page) {
        List<String> calls = new ArrayList<>();
        Matcher block = BLOCK.matcher(page);
        while (block.find()) {
            Matcher call = CALL.matcher(joined(block.group(1)));
            while (call.find()) {
                calls.add(call.group(1));
            }
        }
        return calls;
    }

    /** Lines that a backslash continues, as one. */
    private static String joined(String text) {
        return text.replaceAll("\\\\\\R\\s*", " ");
    }

    private static void requireValid(String call) {
        List<String> words = new ArrayList<>();
        Matcher word = WORD.matcher(call);
        while (word.find()) {
            String bare = word.group(3);
            if (bare != null && bare.matches("[|>&#;].*|2>.*")) {
                break;
            }
            words.add(bare != null ? bare : word.group(1) != null ? word.group(1) : word.group(2));
        }
        boolean configured = words.stream().anyMatch(each -> each.startsWith("--config"));
        CommandLine root = Call.commandLine(HubEnvironment::ofUser, nowhere(), nowhere(), new String[0]);
        CommandLine.ParseResult parsed = root.parseArgs(words.toArray(String[]::new));
        List<String> errors = new ArrayList<>();
        for (CommandLine command : parsed.asCommandLineList()) {
            for (Exception error : command.getParseResult().errors()) {
                // what a configuration file may hold is not asked of the call
                if (!(configured && error instanceof CommandLine.MissingParameterException)) {
                    errors.add(String.valueOf(error.getMessage()));
                }
            }
        }
        assertEquals(List.of(), errors, call);
        assertTrue(
                parsed.hasSubcommand() || parsed.isUsageHelpRequested() || parsed.isVersionHelpRequested(),
                "no verb in: loft " + call);
    }

    private static PrintWriter nowhere() {
        return new PrintWriter(new StringWriter());
    }
}
