package org.loft4j.cli;

import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.Labels;
import org.loft4j.data.SeveralLabels;
import picocli.CommandLine.Option;

/** How rows say which labels a text or an image has, where it may have several. */
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

    /**
     * Columns say of each label whether a text has it, and nothing of a label without a column.
     *
     * @param labels those that are learnt, or judged
     * @throws ConfigException if columns are named, and one of the labels has none
     */
    void requireAll(Labels labels) {
        Set<String> told = columns.stream()
                .map(labels::find)
                .flatMapToInt(OptionalInt::stream)
                .mapToObj(labels.names()::get)
                .collect(Collectors.toSet());
        List<String> untold =
                labels.names().stream().filter(name -> !told.contains(name)).toList();
        if (!columns.isEmpty() && !untold.isEmpty()) {
            throw new ConfigException(
                    "--label-columns names no column for "
                            + (untold.size() == 1 ? "a label" : untold.size() + " labels") + " of the model, "
                            + TrainingRows.some(untold)
                            + ": nothing says which texts or images have " + (untold.size() == 1 ? "it" : "them")
                            + "; name a column for each of its labels, or give lists, which say that there are no other labels");
        }
    }

    /** @throws ConfigException if one is given, where a text has one label at most */
    void requireNone() {
        if (separator != null || !columns.isEmpty()) {
            throw new ConfigException((separator != null ? "--label-separator" : "--label-columns")
                    + " is for texts or images that may have several labels: ask for --problem-type multi_label_classification, or leave"
                    + " it out");
        }
    }
}
