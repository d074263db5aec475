package org.loft4j.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.function.Supplier;
import org.loft4j.data.DataReference;
import org.loft4j.io.HubEnvironment;
import org.loft4j.io.ModelReference;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** How a call is read, checked and run: settings from the file, all problems at once, help in groups. */
final class Call {
    private final ConfigFile config;

    private Call(ConfigFile config) {
        this.config = config;
    }

    static CommandLine commandLine(PrintWriter out, PrintWriter err, String... args) {
        return commandLine(HubEnvironment::ofUser, out, err, args);
    }

    static CommandLine commandLine(Supplier<HubEnvironment> hub, PrintWriter out, PrintWriter err, String... args) {
        CommandLine root = Loft.commandLine(hub, args);
        Call call = new Call(ConfigFile.of(args));
        root.setOut(out)
                .setErr(err)
                .setUsageHelpWidth(width())
                .setUsageHelpLongOptionsMaxWidth(32)
                .setDefaultValueProvider(call.config)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .registerConverter(ModelReference.class, ModelReference::new)
                .registerConverter(DataReference.class, DataReference::new)
                .setExecutionStrategy(call::execute)
                .setParameterExceptionHandler((e, raw) -> wrong(e.getCommandLine(), List.of(e.getMessage())))
                .setExecutionExceptionHandler((e, command, parsed) -> Failure.report(e, command));
        walk(root);
        return root;
    }

    private static void walk(CommandLine command) {
        CommandSpec spec = command.getCommandSpec();
        spec.parser().collectErrors(true);
        spec.usageMessage().abbreviateSynopsis(true);
        if (command.getCommand() instanceof ConfigCommand) {
            // what comes behind the verb is that verb's
            spec.parser().stopAtPositional(true).unmatchedOptionsArePositionalParams(true);
        }
        if (!spec.mixins().isEmpty()) {
            spec.usageMessage().sectionMap().put(UsageMessageSpec.SECTION_KEY_OPTION_LIST, HelpGroups::render);
        }
        command.getSubcommands().values().forEach(Call::walk);
    }

    private int execute(ParseResult parsed) {
        Integer helped = CommandLine.executeHelpRequest(parsed);
        if (helped != null) {
            return helped;
        }
        List<CommandLine> chain = parsed.asCommandLineList();
        CommandLine last = chain.get(chain.size() - 1);
        if (last.getParseResult().hasMatchedOption("--verbose")) {
            LogLines.verbose();
        }
        Problems problems = new Problems();
        if (!(last.getCommand() instanceof ConfigCommand)) {
            problems.addAll(config.problems());
        }
        for (CommandLine command : chain) {
            for (Exception error : command.getParseResult().errors()) {
                problems.add(message(error));
            }
        }
        Object command = last.getCommand();
        if (!(command instanceof Verb verb)) {
            problems.add("the verbs are "
                    + String.join(", ", last.getCommandSpec().subcommands().keySet()));
            return wrong(last, problems.messages());
        }
        try {
            verb.check(problems);
            return problems.messages().isEmpty() ? verb.run() : wrong(last, problems.messages());
        } catch (Exception e) {
            return Failure.report(e, last);
        }
    }

    private static String message(Exception error) {
        String message = String.valueOf(error.getMessage());
        if (error instanceof UnmatchedArgumentException unmatched
                && !unmatched.getSuggestions().isEmpty()) {
            return message + "; did you mean " + unmatched.getSuggestions().get(0) + "?";
        }
        return message;
    }

    /** Reports a call that cannot be honoured. */
    static int wrong(CommandLine command, List<String> messages) {
        String name = command.getCommandSpec().qualifiedName();
        PrintWriter err = command.getErr();
        messages.stream().distinct().forEach(message -> err.println(name + ": " + message));
        err.println("'" + name + " --help' says what it takes.");
        return ExitCode.USAGE;
    }

    private static int width() {
        String columns = System.getenv("COLUMNS");
        return columns != null && columns.matches("[0-9]{2,3}")
                ? Math.min(120, Math.max(60, Integer.parseInt(columns)))
                : 100;
    }
}
