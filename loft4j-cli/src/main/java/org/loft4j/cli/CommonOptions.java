package org.loft4j.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of every verb. */
final class CommonOptions {
    @Option(
            names = "--config",
            paramLabel = "FILE",
            description =
                    "YAML file of settings, in Hugging Face's spelling; options given here override it. Default: none.")
    @Nullable
    Path config;

    @Option(names = "--json", description = "Print the result as one JSON object.")
    boolean json;

    @Option(names = "--verbose", description = "Print the trace of a failure, and the library's log.")
    boolean verbose;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;
}
