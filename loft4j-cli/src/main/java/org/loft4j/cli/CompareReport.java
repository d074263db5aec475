package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.Summary;
import org.loft4j.cli.compare.SummaryFiles;
import org.loft4j.cli.compare.SummaryTable;
import org.loft4j.io.Json;
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
    static @Nullable String given(CommandSpec spec, String option, @Nullable String value) {
        return spec.commandLine().getParseResult().hasMatchedOption(option) ? value : null;
    }

    void print(Summary summary, boolean json) throws IOException {
        SummaryFiles.write(output, summary, spec.commandLine().getErr()::println);
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.text(SummaryFiles.tree(summary)));
        } else {
            out.print(SummaryTable.text(summary));
            out.println("\nPage with pictures: " + output.resolve("summary.html"));
        }
        out.flush();
    }
}
