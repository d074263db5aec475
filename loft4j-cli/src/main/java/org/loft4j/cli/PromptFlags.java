package org.loft4j.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How turns of a conversation become a prompt. */
final class PromptFlags {
    /** The options here. */
    static final List<String> NAMES = List.of("--system", "--chat-template", "--chat-template-kwargs");

    @Option(
            names = "--system",
            paramLabel = "TEXT",
            description =
                    "What the model is told before the conversation, in place of a row's own system turn. Default:"
                            + " what its template says by itself.")
    @Nullable
    String system;

    @Option(
            names = "--chat-template",
            paramLabel = "FILE",
            description = "Jinja template for conversations. Default: the model's own.")
    @Nullable
    Path template;

    @Option(
            names = "--chat-template-kwargs",
            paramLabel = "KEY=VALUE",
            split = ",",
            description =
                    "What the template may read beside the messages, such as enable_thinking=false. Default: nothing.")
    @Nullable
    List<String> variables;

    void check(Problems problems) {
        ModelFlags.requireFile(problems, "--chat-template", template);
        TemplateVariables.check(problems, variables);
    }

    /** @param unwritten those of whom the template leaves out what they say, such as system */
    static void tell(SortedSet<String> unwritten, PrintWriter err) {
        if (!unwritten.isEmpty()) {
            err.println("loft: the chat template leaves out what the " + String.join(" and the ", unwritten)
                    + " says: the model is asked without it; --chat-template takes another template");
        }
    }

    Map<String, Object> variables() {
        return TemplateVariables.of(variables);
    }
}
