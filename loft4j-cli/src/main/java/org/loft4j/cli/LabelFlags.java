package org.loft4j.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.SeveralLabels;
import picocli.CommandLine.Option;

/** How rows say which labels a text has, where it may have several. */
final class LabelFlags {
    @Option(
            names = "--label-separator",
            paramLabel = "TEXT",
            description =
                    "With --problem-type multi_label_classification: what stands between the labels of a text in the column of the"
                            + " label, such as '|'; a text without one has none. Default: the column holds lists, which .csv and"
                            + " .tsv cannot.")
    @Nullable
    String separator;

    @Option(
            names = "--label-columns",
            paramLabel = "NAME",
            split = ",",
            description =
                    "With --problem-type multi_label_classification: a column for each label, with its name, which holds 1 where the"
                            + " text has it and 0 where not; with commas between them. Default: one column has all labels.")
    List<String> columns = List.of();

    /** @throws ConfigException if they contradict each other */
    SeveralLabels several() {
        return new SeveralLabels(separator, columns);
    }

    /** @throws ConfigException if one is given, where a text has one label at most */
    void requireNone() {
        if (separator != null || !columns.isEmpty()) {
            throw new ConfigException((separator != null ? "--label-separator" : "--label-columns")
                    + " is for texts that may have several labels: ask for --problem-type multi_label_classification, or leave"
                    + " it out");
        }
    }
}
