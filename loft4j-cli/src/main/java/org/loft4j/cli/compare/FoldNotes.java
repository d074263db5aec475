package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.List;

/** What a reader of a table must know of cross-validation. */
final class FoldNotes {
    private FoldNotes() {}

    /** What stands before and behind ±, and by which rows a run is judged. */
    static String means(Summary summary, SameRows rows) {
        return "Mean ± standard error over " + summary.folds() + " folds of each seed, after the last step. "
                + (rows.testIsFold()
                        ? "Each run is judged by the fold that it has not learnt. "
                        : "Each run has learnt all folds but one, and is judged by the test data. ");
    }

    /** What else is to be said; nothing without folds. */
    static List<String> all(Summary summary, SameRows rows) {
        List<String> notes = new ArrayList<>();
        if (summary.folds() == 0) {
            return notes;
        }
        if (rows.testIsFold() && summary.someAreTuned()) {
            notes.add("A chosen learning rate was chosen by the rows that its figure is of, which is optimistic:"
                    + " --test-data takes rows that choose nothing.");
        }
        notes.add(
                rows.testIsFold()
                        ? "Runs are not independent, for what one learns others learn too, or are judged by: the standard"
                                + " error is rather too small."
                        : "Runs are not independent, for what one learns others learn too, and all are judged by the same"
                                + " test rows: the standard error and the confidence interval are too small, and say"
                                + " nothing of how the figures would change with other test rows.");
        summary.standings().stream()
                .filter(standing ->
                        standing.runs() < summary.folds() * standing.seeds().size())
                .forEach(standing -> notes.add(standing.entry().title() + ": " + standing.runs() + " of "
                        + summary.folds() * standing.seeds().size() + " runs have ended so far."));
        return notes;
    }

    /** What is said of a confidence interval that allows for it. */
    static String correction(Summary summary) {
        return summary.judged().equals("test")
                ? ""
                : ", widened for the rows that folds have in common (Nadeau and Bengio)";
    }
}
