package org.loft4j.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Option;

/** {@code loft adapters}: what is done with several adapters on one base model. */
@Command(
        name = "adapters",
        description = "Lists adapters, and combines several on one base model into one.",
        synopsisSubcommandLabel = "VERB",
        commandListHeading = "%nVerbs:%n",
        subcommands = {AdaptersListCommand.class, AdaptersCombineCommand.class, HelpCommand.class})
final class AdaptersCommand {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;
}
