package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.Json;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;

/** {@code loft config}. */
@Command(
        name = "config",
        description = "Prints the settings that a call would have, each with its origin: default, file or option."
                + " What it prints is a file for --config. Nothing is run.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft config train --method lora --rank 8",
            "  loft config train --config run.yaml --rank 8 > next.yaml",
            "  loft config --schema > loft.schema.json"
        })
final class ConfigCommand implements Verb {
    @Parameters(
            paramLabel = "VERB OPTIONS",
            arity = "0..*",
            description = "The call, without loft. Default: train without options.")
    List<String> call = List.of();

    @Option(
            names = "--schema",
            description =
                    "Print the JSON Schema (draft 2020-12) of such files instead, for editors that complete keys.")
    boolean schema;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    /**
     * One setting.
     *
     * @param value null where nothing is set
     */
    private record Setting(@Nullable Object value, String origin) {}

    @Override
    public int run() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        Loft loft = (Loft) spec.root().userObject();
        if (schema) {
            out.println(Json.text(ConfigSchema.of(Loft.commandLine(loft::hub))));
            return ExitCode.OK;
        }
        String[] args = words();
        PrintWriter err = spec.commandLine().getErr();
        CommandLine root = Call.commandLine(loft::hub, out, err, args);
        ParseResult parsed = root.parseArgs(args);
        List<CommandLine> chain = parsed.asCommandLineList();
        CommandLine verb = chain.get(chain.size() - 1);
        ConfigFile file = (ConfigFile) root.getDefaultValueProvider();
        List<String> problems = new ArrayList<>(file.problems());
        for (CommandLine command : chain) {
            for (Exception error : command.getParseResult().errors()) {
                // a setting that is missing yet may come with the call itself
                if (!(error instanceof CommandLine.MissingParameterException)) {
                    problems.addAll(Call.told(error));
                }
            }
        }
        if (!(verb.getCommand() instanceof Verb)) {
            problems.add("'" + String.join(" ", call) + "' names no verb that has settings");
        }
        if (!problems.isEmpty()) {
            return Call.wrong(spec.commandLine(), problems);
        }
        Alternatives.settle(verb, file);
        Call.warn(verb, file);
        Map<String, @Nullable Object> resolved =
                verb.getCommand() instanceof TrainCommand train ? train.resolved() : Map.of();
        Map<String, Setting> settings = settings(verb, file, resolved);
        if (common.json || call.contains("--json")) {
            out.println(Json.text(settings));
        } else {
            print(out, settings, open(verb, resolved));
        }
        return ExitCode.OK;
    }

    /** The call with its verb, and with the file that was named before it. */
    private String[] words() {
        List<String> words = new ArrayList<>(call);
        if (words.isEmpty() || words.get(0).startsWith("-")) {
            words.add(0, "train");
        }
        if (common.config != null) {
            words.add("--config=" + common.config);
        }
        return words.toArray(String[]::new);
    }

    private static Map<String, Setting> settings(
            CommandLine verb, ConfigFile file, Map<String, @Nullable Object> resolved) {
        Map<String, Setting> settings = new LinkedHashMap<>();
        for (OptionSpec option : verb.getCommandSpec().options()) {
            String key = ConfigKeys.key(option);
            if (key == null) {
                continue;
            }
            Object value = option.getValue();
            String origin = verb.getParseResult().hasMatchedOption(option.longestName())
                    ? "option"
                    : file.has(key) ? "file" : value == null && option.required() ? "missing" : "default";
            Object plain = resolved.getOrDefault(key, value == null ? null : Settings.plain(value));
            settings.put(key, new Setting(plain, origin));
        }
        return settings;
    }

    /** The keys of what a call leaves to others, where it is known what becomes of that. */
    private static Set<String> open(CommandLine verb, Map<String, @Nullable Object> resolved) {
        return verb.getCommandSpec().options().stream()
                .filter(option -> Settings.isOpen(option.getValue()))
                .map(option -> String.valueOf(ConfigKeys.key(option)))
                .filter(resolved::containsKey)
                .collect(Collectors.toSet());
    }

    /** A file that {@code --config} reads, with the origins as comments; what is open is one as well. */
    private static void print(PrintWriter out, Map<String, Setting> settings, Set<String> open) throws IOException {
        for (Map.Entry<String, Setting> entry : settings.entrySet()) {
            Setting setting = entry.getValue();
            if (setting.value() == null) {
                out.println(String.format(Locale.ROOT, "%-46s # %s", "# " + entry.getKey() + ":", setting.origin()));
                continue;
            }
            // an entry is one line, but for a list, whose key is on the first
            String yaml = Settings.yaml(Map.of(entry.getKey(), setting.value()));
            List<String> lines = (open.contains(entry.getKey()) ? Settings.comment(yaml) : yaml)
                    .lines()
                    .toList();
            out.println(String.format(Locale.ROOT, "%-46s # %s", lines.get(0), setting.origin()));
            lines.stream().skip(1).forEach(out::println);
        }
    }
}
