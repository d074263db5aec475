package org.loft4j.data;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.DataException;

/**
 * Which labels each of some texts or images has.
 *
 * @param indices of the labels of each, in order
 * @param count how many labels there are to have
 */
record LabelSets(int[][] indices, int count) {
    /** @throws DataException if a row is no {@link MultiLabelText}, or has an unknown label */
    static LabelSets of(List<? extends Row> rows, Labels labels) throws DataException {
        var indices = new int[rows.size()][];
        for (int i = 0; i < indices.length; i++) {
            indices[i] = labels.indices(of(rows.get(i)));
        }
        return new LabelSets(indices, labels.size());
    }

    /** What is to be encoded of the rows. */
    static List<LabeledText> texts(List<? extends Row> rows) throws DataException {
        var texts = new ArrayList<LabeledText>();
        for (Row row : rows) {
            MultiLabelText text = of(row);
            texts.add(new LabeledText(text.text(), text.textPair(), "", text.origin()));
        }
        return texts;
    }

    private static MultiLabelText of(Row row) throws DataException {
        if (row instanceof MultiLabelText several) {
            return several;
        }
        throw row.origin().fault("has no list of labels: several labels a text need rows with \"text\" and \"labels\"");
    }

    /** 1 for the labels that each of these has and 0 for the others, row by row. */
    float[] scores(int[] rows) {
        var scores = new float[Math.multiplyExact(rows.length, count)];
        for (int row = 0; row < rows.length; row++) {
            for (int label : indices[rows[row]]) {
                scores[row * count + label] = 1;
            }
        }
        return scores;
    }
}
