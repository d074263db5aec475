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
        spec.commandLine().getOut().print(script(AutoComplete.bash("loft", Loft.commandLine(loft::hub))));
        return ExitCode.OK;
    }

    /**
     * Picocli's script with names of files wherever it knows no words, since models and rows are named by paths too, and with
     * {@code --option=word}, which bash takes for three words.
     */
    private static String script(String picocli) {
        return picocli.replace("  type compopt &>/dev/null && compopt +o default\n", "")
                .replace("local curr_word=${COMP_WORDS[COMP_CWORD]}", "local curr_word=${COMP_WORDS[COMP_CWORD]#=}")
                .replace(
                        "  local prev_word=${COMP_WORDS[COMP_CWORD-1]}\n",
                        "  local prev_word=${COMP_WORDS[COMP_CWORD-1]}\n"
                                + "  [ \"$prev_word\" = \"=\" ] && prev_word=${COMP_WORDS[COMP_CWORD-2]}\n");
    }
}
