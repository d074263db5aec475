package org.loft4j.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.loft4j.data.DataReference;
import org.loft4j.io.HubEnvironment;
import org.loft4j.io.ModelReference;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** How a call is read, checked and run: settings from the file, all problems at once, help in groups. */
final class Call {
    private final ConfigFile config;

    private Call(ConfigFile config) {
        this.config = config;
    }

    static CommandLine commandLine(Supplier<HubEnvironment> hub, PrintWriter out, PrintWriter err, String... args) {
        CommandLine root = Loft.commandLine(hub, args);
        Call call = new Call(ConfigFile.of(args));
        root.setOut(out)
                .setErr(err)
                // a text may begin with @
                .setExpandAtFiles(false)
                .setUsageHelpWidth(width())
                .setUsageHelpLongOptionsMaxWidth(32)
                .setDefaultValueProvider(call.config)
                .setExecutionStrategy(call::execute)
                .setParameterExceptionHandler((e, raw) -> wrong(e.getCommandLine(), List.of(e.getMessage())))
                .setExecutionExceptionHandler((e, command, parsed) -> Failure.report(e, command));
        reading(root);
        walk(root);
        return root;
    }

    /** Makes a command read values as all of ours do. */
    static CommandLine reading(CommandLine command) {
        // each once: Java 17 aborts on an archive of classes if one and the same lambda of a picocli type stands in two
        // places
        ITypeConverter<Integer> integers = word -> number(word, Integer::valueOf, "a whole number");
        ITypeConverter<Long> longs = word -> number(word, Long::valueOf, "a whole number");
        ITypeConverter<Double> doubles = word -> number(word, Double::valueOf, "a number");
        ITypeConverter<Boolean> booleans = Call::truth;
        return command.setCaseInsensitiveEnumValuesAllowed(true)
                .registerConverter(ModelReference.class, ModelReference::new)
                .registerConverter(DataReference.class, DataReference::new)
                .registerConverter(int.class, integers)
                .registerConverter(Integer.class, integers)
                .registerConverter(long.class, longs)
                .registerConverter(Long.class, longs)
                .registerConverter(double.class, doubles)
                .registerConverter(Double.class, doubles)
                .registerConverter(boolean.class, booleans)
                .registerConverter(Boolean.class, booleans);
    }

    private static <T> T number(String word, Function<String, T> parser, String kind) {
        try {
            return parser.apply(word);
        } catch (NumberFormatException e) {
            throw new TypeConversionException(
                    "'" + word + "' is " + (word.matches("[+-]?[0-9]+") ? "out of range" : "not " + kind));
        }
    }

    private static boolean truth(String word) {
        if (!word.equalsIgnoreCase("true") && !word.equalsIgnoreCase("false")) {
            throw new TypeConversionException("'" + word + "' is neither true nor false");
        }
        return Boolean.parseBoolean(word);
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
        chain.forEach(this::complete);
        Alternatives.settle(last, config);
        // loft config tells of the file itself, for the verb that it is asked about
        boolean tells = last.getCommand() instanceof ConfigCommand;
        if (!tells) {
            problems.addAll(config.problems());
            warn(last, config);
        }
        for (CommandLine command : chain) {
            for (Exception error : command.getParseResult().errors()) {
                problems.addAll(messages(error));
            }
        }
        Object command = last.getCommand();
        if (!(command instanceof Verb verb)) {
            problems.add("the verbs are "
                    + String.join(", ", last.getCommandSpec().subcommands().keySet()));
            return wrong(last, problems.messages());
        }
        try {
            // of a file that cannot be read nobody knows what it would have set
            if (tells || !config.isUnread()) {
                check(verb, problems);
            }
            return problems.messages().isEmpty() ? verb.run() : wrong(last, problems.messages());
        } catch (Exception | LinkageError | OutOfMemoryError e) {
            return Failure.report(e, last);
        }
    }

    /** A verb looks at settings that a wrong call may not have made: what is wrong with the call is then what is to be told. */
    private static void check(Verb verb, Problems problems) {
        boolean sound = problems.messages().isEmpty();
        try {
            verb.check(problems);
        } catch (RuntimeException e) {
            if (sound) {
                throw e;
            }
        }
    }

    /** Sets what the file sets: picocli leaves defaults out where a word of the call is wrong. */
    private void complete(CommandLine command) {
        ParseResult parsed = command.getParseResult();
        if (parsed.errors().isEmpty()) {
            return;
        }
        for (OptionSpec option : command.getCommandSpec().options()) {
            Object value = parsed.hasMatchedOption(option) ? null : config.value(option);
            if (value != null) {
                option.setValue(value);
            }
        }
    }

    private List<String> messages(Exception error) {
        if (error instanceof MissingParameterException missing
                && String.valueOf(error.getMessage()).startsWith("Missing required option")
                && missing.getMissing().stream().anyMatch(config::mayGive)) {
            return missing.getMissing().stream()
                    .filter(argument -> !config.mayGive(argument))
                    .map(Call::missing)
                    .toList();
        }
        return told(error);
    }

    /** What is said of a fault that was found while the words of a call were read. */
    static List<String> told(Exception error) {
        String message = String.valueOf(error.getMessage());
        if (!(error instanceof UnmatchedArgumentException unmatched)) {
            return List.of(message);
        }
        if (UnknownVerb.is(unmatched)) {
            return List.of(UnknownVerb.message(unmatched));
        }
        if (UnknownOption.is(unmatched)) {
            return UnknownOption.messages(unmatched);
        }
        boolean takesText = unmatched.getCommandLine().getCommandSpec().findOption("--text") != null;
        return List.of(takesText ? message + "; a text is given with --text" : message);
    }

    private static String missing(ArgSpec argument) {
        return argument instanceof OptionSpec option
                ? "Missing required option: '" + option.longestName() + "=" + option.paramLabel() + "'"
                : "Missing required parameter: '" + argument.paramLabel() + "'";
    }

    /** Says which keys of a file a verb does not have. */
    static void warn(CommandLine verb, ConfigFile config) {
        String name = verb.getCommandSpec().qualifiedName();
        config.ignored(verb).forEach(line -> verb.getErr().println(name + ": " + line));
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
