package org.loft4j.cli;

import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.report.Table;
import org.loft4j.data.MultiLabelText;
import org.loft4j.data.Origin;
import org.loft4j.data.Repetitions;
import org.loft4j.data.Scores;

/**
 * What a check of data has found.
 *
 * @param numbers whether the labels are numbers that are learnt as such, which are no classes to count
 * @param parts the training rows, and the held-out ones if there are any
 * @param maxLength longer rows are cut
 * @param repeated training rows that repeat others
 * @param shared held-out rows that are among the training rows; null where nothing is held out
 * @param stops what would stop a training beside the faults of the parts
 */
record DataReport(
        boolean numbers,
        List<CheckedRows> parts,
        int maxLength,
        Repetitions repeated,
        @Nullable Repetitions shared,
        List<String> stops) {
    private static final int EXAMPLES = 3;
    private static final int LABELS = 50;
    private static final int FAULTS = 50;

    /** The same with more that was found. */
    DataReport with(List<CheckedRows> encoded, List<String> allStops) {
        return new DataReport(numbers, encoded, maxLength, repeated, shared, allStops);
    }

    /** Whether a training on this data would end before its first step. */
    boolean stopsTraining() {
        return !stops.isEmpty()
                || parts.stream().anyMatch(part -> !part.faults().isEmpty());
    }

    String text() {
        StringBuilder text = new StringBuilder();
        for (CheckedRows part : parts) {
            part(part, text);
        }
        if (parts.stream().anyMatch(part -> part.rows().count() > 0)) {
            repetitions(text);
        }
        parts.forEach(part -> faults(part.faults(), text));
        stops.forEach(stop -> text.append(stop).append('\n'));
        long faults = stops.size()
                + parts.stream().mapToLong(part -> part.faults().size()).sum();
        return text.append(verdict(faults)).toString();
    }

    private void repetitions(StringBuilder text) {
        String answer = parts.get(0).answer();
        String asked = answer.equals("answer") ? "the same prompt" : "the same text";
        String other = answer.equals("tags") ? " with other tags" : " with another " + answer;
        repetitions("duplicates", repeated, answer.isEmpty() ? "" : asked + other, text);
        if (shared != null) {
            repetitions(
                    "held-out rows that are training rows too",
                    shared,
                    answer.isEmpty() ? "" : "the same" + other,
                    text);
        }
    }

    /** The first faults of a part, a line each, and how many there are more. */
    static void faults(List<String> faults, StringBuilder text) {
        faults.stream().limit(FAULTS).forEach(fault -> text.append(fault).append('\n'));
        if (faults.size() > FAULTS) {
            text.append("… and ")
                    .append(Quantities.of(faults.size() - FAULTS, "fault"))
                    .append(" more, which --json tells\n");
        }
    }

    /** The last line of what is told. */
    static String verdict(long faults) {
        return faults == 0
                ? "nothing here stops a training\n"
                : Quantities.count(faults) + (faults == 1 ? " fault stops" : " faults stop")
                        + " a training on this data\n";
    }

    private void part(CheckedRows part, StringBuilder text) {
        text.append(part.name()).append(": ").append(Quantities.of(part.rows().count(), "row"));
        if (part.rows().count() == 0) {
            text.append('\n');
            return;
        }
        text.append(" of ").append(part.rows().shape().columns());
        text.append(" (--format ").append(part.rows().shape().format().word()).append(")\n");
        if (!part.lengths().isEmpty()) {
            TokenLengths lengths = part.lengths();
            text.append("  tokens: min ").append(lengths.min());
            text.append(", median ").append(lengths.quantile(0.5));
            text.append(", 95 % ").append(lengths.quantile(0.95));
            text.append(", max ").append(lengths.max()).append('\n');
            text.append("  lengths: ").append(lengths.line()).append('\n');
            text.append("  cut to ").append(maxLength).append(" tokens: ");
            text.append(Quantities.of(part.cut().rows(), "row"));
            if (part.cut().rows() > 0) {
                if (part.answer().equals("answer")) {
                    text.append(", the answer itself in ")
                            .append(Quantities.count(part.cut().completions()));
                }
                text.append("; ")
                        .append(Quantities.of(part.cut().tokens(), "token"))
                        .append(" lost");
            }
            text.append('\n');
        }
        if (part.rows().shape().blank() > 0) {
            text.append("  blank texts, which are left out: ")
                    .append(Quantities.count(part.rows().shape().blank()))
                    .append('\n');
        }
        if (part.rows().emptyAnswers() > 0) {
            text.append("  empty answers: ")
                    .append(Quantities.count(part.rows().emptyAnswers()))
                    .append('\n');
        }
        if (part.altered() > 0) {
            text.append(
                            "  answers of which the chat template leaves out a part, or of the prompt before, such as <think> or a tool's call: ")
                    .append(Quantities.count(part.altered()))
                    .append("; --chat-template takes another template\n");
        }
        if (part.unwritten() > 0) {
            text.append(
                            "  rows of which the chat template leaves out what the system, or another than the assistant, says: ")
                    .append(Quantities.count(part.unwritten()))
                    .append("; --chat-template takes another template\n");
        }
        if (part.reshaped() > 0) {
            text.append("  turns put into the form of the chat template: ")
                    .append(Quantities.count(part.reshaped()))
                    .append('\n');
        }
        Map<String, Long> labels = part.rows().labels();
        if (numbers) {
            DoubleSummaryStatistics range = labels.keySet().stream()
                    .filter(Scores::isNumber)
                    .mapToDouble(Double::parseDouble)
                    .summaryStatistics();
            if (range.getCount() > 0) {
                text.append(String.format(
                        Locale.ROOT, "  labels: numbers from %s to %s%n", range.getMin(), range.getMax()));
            }
        } else if (!labels.isEmpty()) {
            // of labels of which a text may have several, the share of the rows
            boolean several = part.rows().some().stream().anyMatch(MultiLabelText.class::isInstance);
            long all = several
                    ? part.rows().count()
                    : labels.values().stream().mapToLong(count -> count).sum();
            Table table = new Table("label", ">count", several ? ">share of rows" : ">share");
            labels.entrySet().stream()
                    .limit(LABELS)
                    .forEach(label -> table.row(
                            label.getKey(),
                            Quantities.count(label.getValue()),
                            Quantities.percent(label.getValue(), all)));
            text.append(table);
            if (labels.size() > LABELS) {
                text.append("  and ").append(labels.size() - LABELS).append(" labels more\n");
            }
            String everywhere = several ? LearntClasses.everywhere(labels, all) : "";
            text.append(everywhere.isEmpty() ? "" : "  " + everywhere + "\n");
            // of those held out there may be few
            String doubted = several || !part.answer().equals("label") || part != parts.get(0)
                    ? ""
                    : LearntClasses.doubted(labels.size(), all);
            text.append(doubted.isEmpty() ? "" : "  " + doubted + "\n");
        }
    }

    /** @param otherName empty where rows have nothing else to differ in */
    private static void repetitions(String name, Repetitions found, String otherName, StringBuilder text) {
        text.append(name)
                .append(": ")
                .append(Quantities.count(found.same().size()))
                .append(examples(found.same()));
        text.append('\n');
        if (!otherName.isEmpty()) {
            text.append("  ").append(otherName).append(": ");
            text.append(Quantities.count(found.other().size()))
                    .append(examples(found.other()))
                    .append('\n');
        }
    }

    private static String examples(List<Repetitions.Pair> pairs) {
        if (pairs.isEmpty()) {
            return "";
        }
        List<String> shown = pairs.stream()
                .limit(EXAMPLES)
                .map(pair -> place(pair.row()) + " as " + place(pair.first()))
                .toList();
        return " (" + String.join("; ", shown) + (pairs.size() > EXAMPLES ? "; …)" : ")");
    }

    private static String place(Origin origin) {
        return origin.source() + (origin.place().isEmpty() ? "" : ", " + origin.place());
    }

    Map<String, Object> tree() {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("max_length", maxLength);
        for (CheckedRows part : parts) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("rows", part.rows().count());
            one.put("format", part.rows().shape().format().word());
            if (!part.lengths().isEmpty()) {
                one.put("tokens", part.lengths().tree());
            }
            one.put("blank", part.rows().shape().blank());
            one.put("rows_cut", part.cut().rows());
            one.put("answers_cut", part.cut().completions());
            one.put("tokens_cut", part.cut().tokens());
            one.put("empty_answers", part.rows().emptyAnswers());
            one.put("answers_altered", part.altered());
            one.put("rows_with_turns_left_out", part.unwritten());
            one.put("turns_reshaped", part.reshaped());
            if (!part.rows().labels().isEmpty()) {
                one.put("labels", part.rows().labels());
            }
            one.put("faults", part.faults());
            tree.put(part.name().replace(' ', '_').replace('-', '_'), one);
        }
        tree.put("duplicates", pairs(repeated.same()));
        tree.put("other_answers", pairs(repeated.other()));
        if (shared != null) {
            tree.put("in_both", pairs(shared.same()));
            tree.put("in_both_with_other_answers", pairs(shared.other()));
        }
        tree.put("faults", stops);
        tree.put("stops_training", stopsTraining());
        return tree;
    }

    private static List<Map<String, Object>> pairs(List<Repetitions.Pair> pairs) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (Repetitions.Pair pair : pairs) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("row", place(pair.row()));
            one.put("first", place(pair.first()));
            all.add(one);
        }
        return all;
    }
}
