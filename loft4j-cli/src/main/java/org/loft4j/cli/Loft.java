package org.loft4j.cli;

import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Supplier;
import org.loft4j.io.HubEnvironment;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The root command. */
@Command(
        name = "loft",
        versionProvider = Loft.Version.class,
        description =
                "Fine-tunes transformer models with LoFT: the behaviour of full fine-tuning at the price of LoRA.",
        synopsisSubcommandLabel = "VERB",
        commandListHeading = "%nVerbs:%n",
        optionListHeading = "%nOptions:%n",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft train --model DIR --data train.jsonl --eval-data valid.jsonl --output run",
            "  loft predict --model DIR --adapter run --text \"A sentence to classify.\"",
            "  loft inspect run",
            "",
            "'loft VERB --help' says what a verb takes. Exit status: 0 done, 1 failed, 2 called wrongly,",
            "130 interrupted."
        })
public final class Loft {
    /** In the order of the help page. */
    private static final List<Class<?>> VERBS = List.of(
            DemoCommand.class,
            TrainCommand.class,
            UiCommand.class,
            DataCommand.class,
            CompareCommand.class,
            DownloadCommand.class,
            EvalCommand.class,
            PredictCommand.class,
            EmbedCommand.class,
            GenerateCommand.class,
            ChatCommand.class,
            MergeCommand.class,
            ExportCommand.class,
            DoctorCommand.class,
            AdaptersCommand.class,
            InspectCommand.class,
            VerifyCommand.class,
            ReproduceCommand.class,
            BenchCommand.class,
            ConfigCommand.class,
            CompletionCommand.class,
            HelpCommand.class);

    private final Supplier<HubEnvironment> hub;

    private Loft(Supplier<HubEnvironment> hub) {
        this.hub = hub;
    }

    /** Where named models come from. */
    HubEnvironment hub() {
        return hub.get();
    }

    /**
     * The root command of a call, or of all calls where there are no words. To read all options of all verbs takes longer than
     * to print a help page, so a verb is read in full where its name is among the words; of the others there is what the list of
     * verbs shows.
     */
    static CommandLine commandLine(Supplier<HubEnvironment> hub, String... words) {
        CommandLine root = new CommandLine(new Loft(hub));
        List<String> called = List.of(words);
        for (Class<?> type : VERBS) {
            Command verb = type.getAnnotation(Command.class);
            if (called.isEmpty() || called.contains(verb.name())) {
                root.addSubcommand(type);
            } else {
                CommandSpec listed = CommandSpec.create();
                listed.usageMessage().header(verb.header()).description(verb.description());
                root.addSubcommand(verb.name(), listed);
            }
        }
        return root;
    }

    /** Runs one call and ends the process with its exit status. */
    public static void main(String[] args) {
        LogLines.bind();
        StandardOutput written = new StandardOutput();
        PrintWriter out = new PrintWriter(new OutputStreamWriter(written, StandardCharsets.UTF_8), true);
        PrintWriter err = new PrintWriter(new OutputStreamWriter(System.err, StandardCharsets.UTF_8), true);
        int status = run(out, err, args);
        out.flush();
        if (status == ExitCode.OK && written.isIncomplete()) {
            status = ExitCode.SOFTWARE;
            String complaint = written.complaint();
            if (complaint != null) {
                err.println("loft: " + complaint);
            }
        }
        err.flush();
        System.exit(status);
    }

    /** Runs one call in this process: 0 done, 1 failed, 2 called wrongly, 130 interrupted. */
    static int run(PrintWriter out, PrintWriter err, String... args) {
        return run(HubEnvironment::ofUser, out, err, args);
    }

    /** The same with named models from elsewhere than the process's environment says. */
    static int run(Supplier<HubEnvironment> hub, PrintWriter out, PrintWriter err, String... args) {
        String[] words = args.length == 0 ? new String[] {"--help"} : args;
        return Call.commandLine(hub, out, err, words).execute(words);
    }

    /** The version that the build wrote into the jar. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Loft.class.getPackage().getImplementationVersion();
            return new String[] {"loft4j " + (version == null ? "(not packaged)" : version)};
        }
    }

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    @SuppressWarnings("UnusedVariable")
    private boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Show the version.")
    @SuppressWarnings("UnusedVariable")
    private boolean version;
}
