package org.loft4j.cli;

import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The options of a verb on its help page: its own first, then one group for each mixin, headed by the mixin's name. */
final class HelpGroups {
    private HelpGroups() {}

    static String render(Help help) {
        CommandSpec spec = help.commandSpec();
        StringBuilder text = new StringBuilder();
        List<OptionSpec> own = new ArrayList<>(spec.options());
        spec.mixins()
                .values()
                .forEach(mixin -> own.removeIf(option ->
                        mixin.options().stream().anyMatch(of -> of.longestName().equals(option.longestName()))));
        group(help, "Options", own, text);
        spec.mixins().forEach((name, mixin) -> group(help, name, mixin.options(), text));
        return text.toString();
    }

    private static void group(Help help, String heading, List<OptionSpec> options, StringBuilder text) {
        if (options.isEmpty()) {
            return;
        }
        Help.Layout layout = help.createDefaultLayout();
        layout.addOptions(options, help.parameterLabelRenderer());
        text.append(String.format("%n%s:%n", heading)).append(layout);
    }
}
