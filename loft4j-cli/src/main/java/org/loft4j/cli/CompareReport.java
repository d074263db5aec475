package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.Comparison;
import org.loft4j.cli.compare.Summary;
import org.loft4j.cli.compare.SummaryFiles;
import org.loft4j.cli.compare.SummaryTable;
import org.loft4j.cli.report.Pasted;
import org.loft4j.io.Json;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** What a comparison ends with: the files of its summary, and what the call prints. */
final class CompareReport {
    /** What has a meaning where nothing is run. */
    private static final Set<String> OPTIONS =
            Set.of("--output", "--report-only", "--metric", "--baseline", "--config", "--json", "--verbose", "--help");

    private final CommandSpec spec;
    private final Path output;

    CompareReport(CommandSpec spec, Path output) {
        this.spec = spec;
        this.output = output;
    }

    /** What was given for runs that there will not be; settings of a file are meant for those that there were. */
    static void check(Problems problems, CommandSpec spec) {
        List<String> idle = spec.options().stream()
                .filter(spec.commandLine().getParseResult()::hasMatchedOption)
                .map(OptionSpec::longestName)
                .filter(name -> !OPTIONS.contains(name))
                .toList();
        if (!idle.isEmpty()) {
            problems.add("--report-only runs nothing and shows all that the output directory holds: leave out "
                    + String.join(", ", idle));
        }
    }

    /** The value of an option that the call itself has; else null. */
    private @Nullable String given(String option, @Nullable String value) {
        return spec.commandLine().getParseResult().hasMatchedOption(option) ? value : null;
    }

    /**
     * Says what became of a call, and sums up what is finished; the exit status.
     *
     * @param resolved what became of settings that the call left open, by key
     */
    int end(Comparison.Outcome outcome, Map<String, ?> resolved, boolean json) throws IOException {
        PrintWriter err = spec.commandLine().getErr();
        switch (outcome) {
            case STOPPED -> {
                Path settings = output.resolve(TrainCommand.SETTINGS);
                err.println(
                        Settings.are(settings, spec, resolved)
                                ? "stopped; to go on: " + Pasted.command() + " compare --config "
                                        + Pasted.quoted(settings)
                                : "stopped; the same call goes on"
                                        + (Files.exists(settings) ? " (" + settings + " is of another one)" : ""));
                return Interruption.STATUS;
            }
            case OTHERS_AT_WORK ->
                err.println("nothing is left to take, other processes are still at work: the last of them writes the"
                        + " summary; what there is by now: " + Pasted.command() + " compare --output "
                        + Pasted.quoted(output)
                        + " --report-only");
            case FINISHED -> {
                Summary summary = Summary.of(output);
                print(summary, json);
                return summary.isOfFailuresAlone() ? ExitCode.SOFTWARE : ExitCode.OK;
            }
        }
        return ExitCode.OK;
    }

    /** Sums up what the directory holds, by another metric or baseline if the call itself names one. */
    void again(@Nullable String metric, String baseline, boolean json) throws IOException {
        print(Summary.of(output, given("--metric", metric), given("--baseline", baseline)), json);
    }

    private void print(Summary summary, boolean json) throws IOException {
        SummaryFiles.write(output, summary, spec.commandLine().getErr()::println);
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.text(SummaryFiles.tree(summary)));
        } else {
            out.print(SummaryTable.text(summary));
            out.println("\nPage with pictures: " + output.resolve("summary.html"));
        }
        out.flush();
        int calls = Comparison.callsAtWork(output);
        if (calls > 0) {
            spec.commandLine()
                    .getErr()
                    .println((calls == 1 ? "another call is" : calls + " other calls are")
                            + " at work on it: this is what there is by now, and rows of their runs may lack some seeds;"
                            + " the last call to end writes the summary anew");
        }
    }
}
