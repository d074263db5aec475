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
        if (learnt instanceof JudgedAnswer != heldOut.get(0) instanceof JudgedAnswer) {
            throw heldOut.get(0)
                    .origin()
                    .fault(
                            learnt instanceof JudgedAnswer
                                    ? "holds no answer that is judged, as the rows to learn from do: held-out rows must have"
                                            + " \"prompt\", \"completion\" and \"label\" too, or \"chosen\" and \"rejected\""
                                    : "holds an answer that is judged, and the rows to learn from hold none: all rows must be of"
                                            + " one kind (--format)");
        }
        if (learnt instanceof Preference != heldOut.get(0) instanceof Preference) {
            throw heldOut.get(0)
                    .origin()
                    .fault(
                            learnt instanceof Preference
                                    ? "holds one answer, and the rows to learn from hold preferences: held-out rows must have"
                                            + " \"chosen\" and \"rejected\" too"
                                    : "holds a preference, and the rows to learn from hold none: all rows must be of one kind"
                                            + " (--format)");
        }
        if (learnt instanceof TextMatch != heldOut.get(0) instanceof TextMatch) {
            throw heldOut.get(0)
                    .origin()
                    .fault(
                            learnt instanceof TextMatch
                                    ? "holds no texts that belong together, as the rows to learn from do: held-out rows must have"
                                            + " \"anchor\" and \"positive\" too"
                                    : "holds texts that belong together, and the rows to learn from hold none: all rows must be"
                                            + " of one kind (--format)");
        }
        if (TrainingRows.isPair(learnt) != TrainingRows.isPair(heldOut.get(0))) {
            throw heldOut.get(0)
                    .origin()
                    .fault((TrainingRows.isPair(learnt)
                                    ? "holds one text, and the rows to learn from hold pairs of texts"
                                    : "holds a pair of texts, and the rows to learn from hold one text")
                            + ": name the columns (--text-column, --text-pair-column)");
        }
        return heldOut;
    }
}
