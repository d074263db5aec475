package org.loft4j.cli;

import java.util.List;
import org.loft4j.DataException;
import org.loft4j.data.JudgedAnswer;
import org.loft4j.data.Preference;
import org.loft4j.data.Row;
import org.loft4j.data.TextMatch;

/** Rows beside those to learn from. */
final class HeldOutRows {
    private HeldOutRows() {}

    /**
     * Rows to evaluate on, which come from a file of their own.
     *
     * @param learnt one of the rows to learn from
     * @throws DataException if they are pairs of texts or preferences where those are not, or the other way round
     */
    static List<Row> alike(List<Row> heldOut, Row learnt) throws DataException {
        if (learnt instanceof JudgedAnswer && heldOut.get(0) instanceof Preference) {
            return TrainingRows.unpaired(heldOut);
        }
        Row held = heldOut.get(0);
        requireAlike(
                JudgedAnswer.class,
                learnt,
                held,
                "holds no answer that is judged, as the rows to learn from do: held-out rows must have"
                        + " \"prompt\", \"completion\" and \"label\" too, or \"chosen\" and \"rejected\"",
                "holds an answer that is judged");
        requireAlike(
                Preference.class,
                learnt,
                held,
                "holds one answer, and the rows to learn from hold preferences: held-out rows must have"
                        + " \"chosen\" and \"rejected\" too",
                "holds a preference");
        requireAlike(
                TextMatch.class,
                learnt,
                held,
                "holds no texts that belong together, as the rows to learn from do: held-out rows must have"
                        + " \"anchor\" and \"positive\" too",
                "holds texts that belong together");
        if (TrainingRows.isPair(learnt) != TrainingRows.isPair(held)) {
            throw held.origin()
                    .fault((TrainingRows.isPair(learnt)
                                    ? "holds one text, and the rows to learn from hold pairs of texts"
                                    : "holds a pair of texts, and the rows to learn from hold one text")
                            + ": name the columns (--text-column, --text-pair-column)");
        }
        return heldOut;
    }

    /**
     * @param lacks what is wrong with a held-out row that is none of a kind
     * @param holds what it holds where it alone is one
     */
    private static void requireAlike(Class<? extends Row> kind, Row learnt, Row held, String lacks, String holds)
            throws DataException {
        boolean learns = kind.isInstance(learnt);
        if (learns != kind.isInstance(held)) {
            throw held.origin()
                    .fault(
                            learns
                                    ? lacks
                                    : holds
                                            + ", and the rows to learn from hold none: all rows must be of one kind (--format)");
        }
    }
}
