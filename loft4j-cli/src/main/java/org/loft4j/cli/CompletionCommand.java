package org.loft4j.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code loft completion}. */
@Command(
        name = "completion",
        description = "Prints a script that lets bash or zsh complete verbs, options and their words.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft completion bash > ~/.local/share/bash-completion/completions/loft",
            "  loft completion zsh > ~/.loft-completion, and in .zshrc: source ~/.loft-completion"
        })
final class CompletionCommand implements Verb {
    /** The shells that read the script. */
    enum Shell {
        BASH,
        ZSH
    }

    @Parameters(paramLabel = "SHELL", description = "bash or zsh.")
    Shell shell = Shell.BASH;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public int run() {
        Loft loft = (Loft) spec.root().userObject();
        // zsh reads the script through its bashcompinit, which the script itself loads
        spec.commandLine().getOut().print(AutoComplete.bash("loft", Loft.commandLine(loft::hub)));
        return ExitCode.OK;
    }
}
