package org.loft4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.loft4j.cli.report.Table;
import org.loft4j.train.ConfusionMatrix;

/**
 * How well a classifier tells each of its classes.
 *
 * @param labels names of the classes
 */
record ClassScores(ConfusionMatrix confusion, List<String> labels) {
    /** Classes above which a table is no help to anybody. */
    private static final int MOST_SHOWN = 100;

    /** For people: one line a class. */
    String text() {
        if (confusion.classes() > MOST_SHOWN) {
            return confusion.classes() + " classes: --json has the scores of each\n";
        }
        Table table = new Table("class", ">precision", ">recall", ">f1", ">support");
        for (int k = 0; k < confusion.classes(); k++) {
            table.row(
                    labels.get(k),
                    four(confusion.precision(k)),
                    four(confusion.recall(k)),
                    four(confusion.f1(k)),
                    Long.toString(confusion.support(k)));
        }
        return table.toString();
    }

    private static String four(double score) {
        return String.format(Locale.ROOT, "%.4f", score);
    }

    /** For scripts: the scores of each class. */
    List<Map<String, Object>> classes() {
        List<Map<String, Object>> classes = new ArrayList<>();
        for (int k = 0; k < confusion.classes(); k++) {
            Map<String, Object> scores = new LinkedHashMap<>();
            scores.put("label", labels.get(k));
            scores.put("precision", confusion.precision(k));
            scores.put("recall", confusion.recall(k));
            scores.put("f1", confusion.f1(k));
            scores.put("support", confusion.support(k));
            classes.add(scores);
        }
        return classes;
    }

    /** For scripts: of each class, how many of its examples were taken for which one. */
    List<List<Long>> matrix() {
        List<List<Long>> matrix = new ArrayList<>();
        for (int expected = 0; expected < confusion.classes(); expected++) {
            List<Long> row = new ArrayList<>();
            for (int predicted = 0; predicted < confusion.classes(); predicted++) {
                row.add(confusion.count(expected, predicted));
            }
            matrix.add(row);
        }
        return matrix;
    }
}
