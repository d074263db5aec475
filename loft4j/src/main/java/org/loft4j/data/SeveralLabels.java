package org.loft4j.data;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/**
 * How rows say which labels a text has, where it may have several: in one column, as a list or as text with something between
 * the names, or in a column for each label that holds 1 or 0.
 *
 * @param separator what stands between the names in one text; null where they are lists
 * @param columns one for each label, named as the label is; empty where the labels are in one column
 */
public record SeveralLabels(@Nullable String separator, List<String> columns) {
    /** What is wrong with a list such as [1, 0, 0], and what to do. */
    static final String FLAGS =
            ": flags for all labels are not read from a list; write the names or the numbers of the labels that the text"
                    + " has, or a column for each label (--label-columns)";

    private static final Set<String> YES = Set.of("1", "1.0", "true");
    private static final Set<String> NO = Set.of("0", "0.0", "false");

    public SeveralLabels {
        columns = List.copyOf(columns);
        if (separator != null && separator.isEmpty()) {
            throw new ConfigException(
                    "label_separator must be what stands between two labels, such as |, and is empty");
        }
        if (separator != null && !columns.isEmpty()) {
            throw new ConfigException(
                    "label_separator and label_columns exclude each other: the labels are in one column or"
                            + " in several");
        }
        if (columns.size() == 1 || new HashSet<>(columns).size() < columns.size() || columns.contains("")) {
            throw new ConfigException(
                    "label_columns must name two columns at least, each of them once, got " + Quoted.list(columns));
        }
    }

    /** Lists of names. */
    public static SeveralLabels lists() {
        return new SeveralLabels(null, List.of());
    }

    /** Which columns the rows of a file have. */
    RowKind kind(Columns asked, Collection<String> present, String where, Origin origin) throws DataException {
        String text = RowKind.named(RowKind.or(asked.text(), "text"), "text", present, where, origin);
        String pair = RowKind.pair(asked, present, where, origin);
        if (columns.isEmpty()) {
            String usual = present.contains("labels") || !present.contains("label") ? "labels" : "label";
            String label = RowKind.named(RowKind.or(asked.label(), usual), "label", present, where, origin);
            return new RowKind.MultiLabeled(text, pair, List.of(label));
        }
        for (String column : columns) {
            RowKind.named(column, "", present, where, origin);
        }
        return new RowKind.MultiLabeled(text, pair, columns);
    }

    /** The names in one text; none where it is blank. */
    List<String> split(String labels, String column, Origin origin) throws DataException {
        String text = RowCheck.name(labels);
        if (text.isEmpty()) {
            return List.of();
        }
        if (text.startsWith("[") && text.endsWith("]")) {
            throw origin.fault("\"" + column + "\" is a list that was written as text, " + Quoted.text(text)
                    + ": write it as JSON, or the names with something else between them than a list has");
        }
        if (separator == null) {
            throw origin.fault("\"" + column + "\" must be an array of names, found the string " + Quoted.text(text)
                    + ": --label-separator says what stands between them in a text, and training with"
                    + " --problem-type single_label_classification learns one class for each text");
        }
        return List.of(text.split(Pattern.quote(separator), -1));
    }

    /** Whether a column says that a text has its label. */
    static boolean has(String value, String column, Origin origin) throws DataException {
        String word = value.strip().toLowerCase(Locale.ROOT);
        if (!YES.contains(word) && !NO.contains(word)) {
            throw origin.fault("\"" + column
                    + "\" must be 1 where the text has the label and 0 where it has not, found " + Quoted.text(value));
        }
        return YES.contains(word);
    }

    /** Names without the blanks around them, each once; a number twice is no name but one of the flags of all labels. */
    static List<String> names(List<String> labels, String column, Origin origin) throws DataException {
        List<String> names = new ArrayList<>();
        for (String label : labels) {
            String name = RowCheck.name(label);
            if (name.isEmpty()) {
                throw origin.fault("\"" + column + "\" holds a label without a name");
            }
            RowCheck.characters("\"" + column + "\"", name, origin);
            if (!names.contains(name)) {
                names.add(name);
            } else if (Labels.isWhole(name)) {
                throw origin.fault("\"" + column + "\" holds the number " + name + " twice" + FLAGS);
            }
        }
        return names;
    }
}
