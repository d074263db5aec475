package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.data.DataReference;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/** What a run is judged by while it goes. */
final class EvalFlags {
    @Option(
            names = "--eval-data",
            paramLabel = "FILE",
            description = "Held-out rows, of the same kind. Default: none, or those of --eval-share.")
    @Nullable
    DataReference file;

    @Option(
            names = "--eval-share",
            paramLabel = "SHARE",
            description = "Without such a file: the share of the rows to hold out. Default: ${DEFAULT-VALUE}.")
    double share = 0;

    /** @param call its words: a file of settings serves runs with held-out rows and without */
    void check(Problems problems, ParseResult call) {
        if (file == null && share == 0 && call.hasMatchedOption("--metric-for-best")) {
            problems.add("--metric-for-best is of held-out rows, and there are none: give --eval-data or --eval-share");
        }
        DataFlags.requireOrFolder(problems, "--eval-data", file);
        if (!(share >= 0 && share < 1)) {
            problems.add("eval_share must lie in [0, 1), got " + share);
        }
        if (file != null && share > 0) {
            problems.add("--eval-data and --eval-share exclude each other");
        }
    }
}
