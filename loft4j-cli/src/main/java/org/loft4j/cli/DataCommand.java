package org.loft4j.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Option;

/** {@code loft data}: what is done with rows before a training. */
@Command(
        name = "data",
        description = "Checks rows before a minute of training is spent on them.",
        synopsisSubcommandLabel = "VERB",
        commandListHeading = "%nVerbs:%n",
        subcommands = {DataCheckCommand.class, HelpCommand.class})
final class DataCommand {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;
}
