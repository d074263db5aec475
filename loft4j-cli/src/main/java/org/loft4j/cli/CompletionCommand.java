package org.loft4j.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
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
    @Parameters(paramLabel = "SHELL", completionCandidates = WordLists.Shells.class, description = "bash or zsh.")
    String shell = "";

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        List<String> shells = new ArrayList<>();
        new WordLists.Shells().forEach(shells::add);
        // none at all is told of already
        if (!shell.isEmpty() && !shells.contains(shell.toLowerCase(Locale.ROOT))) {
            problems.add("SHELL must be one of " + String.join(", ", shells) + ", got " + shell);
        }
    }

    @Override
    public int run() {
        Loft loft = (Loft) spec.root().userObject();
        // zsh reads the script through its bashcompinit, which the script itself loads
        spec.commandLine().getOut().print(AutoComplete.bash("loft", Loft.commandLine(loft::hub)));
        return ExitCode.OK;
    }
}
