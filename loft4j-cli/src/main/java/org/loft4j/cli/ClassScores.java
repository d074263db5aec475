package org.loft4j.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.loft4j.cli.report.Table;
import org.loft4j.train.ConfusionMatrix;
import org.loft4j.train.MultiLabelScore;

/** How well a classifier tells each of its classes, or each label of which a text may have several. */
record ClassScores(List<OneClass> classes) {
    /** Classes above which a table is no help to anybody. */
    private static final int MOST_SHOWN = 100;

    /**
     * One of them.
     *
     * @param support how many rows have it
     */
    record OneClass(String label, double precision, double recall, double f1, long support) {
        private static OneClass of(String label, ConfusionMatrix confusion, int k) {
            return new OneClass(
                    label, confusion.precision(k), confusion.recall(k), confusion.f1(k), confusion.support(k));
        }
    }

    /** @param labels names of the classes */
    static ClassScores of(ConfusionMatrix confusion, List<String> labels) {
        List<OneClass> classes = new ArrayList<>();
        for (int k = 0; k < confusion.classes(); k++) {
            classes.add(OneClass.of(labels.get(k), confusion, k));
        }
        return new ClassScores(classes);
    }

    /** @param labels their names */
    static ClassScores of(MultiLabelScore score, List<String> labels) {
        List<OneClass> classes = new ArrayList<>();
        for (int k = 0; k < labels.size(); k++) {
            classes.add(OneClass.of(labels.get(k), score.labels().get(k), 1));
        }
        return new ClassScores(classes);
    }

    /** For people: one line a class. */
    String text() {
        if (classes.size() > MOST_SHOWN) {
            return classes.size() + " classes: --json has the scores of each\n";
        }
        Table table = new Table("class", ">precision", ">recall", ">f1", ">support");
        for (OneClass one : classes) {
            table.row(
                    one.label(),
                    four(one.precision()),
                    four(one.recall()),
                    four(one.f1()),
                    Long.toString(one.support()));
        }
        return table.toString();
    }

    private static String four(double score) {
        return String.format(Locale.ROOT, "%.4f", score);
    }

    /** For scripts: the scores of each class. */
    List<Map<String, Object>> tree() {
        List<Map<String, Object>> tree = new ArrayList<>();
        for (OneClass one : classes) {
            Map<String, Object> scores = new LinkedHashMap<>();
            scores.put("label", one.label());
            scores.put("precision", one.precision());
            scores.put("recall", one.recall());
            scores.put("f1", one.f1());
            scores.put("support", one.support());
            tree.add(scores);
        }
        return tree;
    }

    /** For scripts: of each class, how many of its examples were taken for which one. */
    static List<List<Long>> matrix(ConfusionMatrix confusion) {
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
