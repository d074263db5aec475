package org.loft4j.cli.compare;

import java.util.List;
import java.util.Objects;
import org.loft4j.ConfigException;
import org.loft4j.data.Examples;
import org.loft4j.train.TrainData;

/**
 * The tokenised data that all runs share.
 *
 * @param training rows to learn from, and validation rows that choose among learning rates
 * @param test rows that the results are reported on
 */
public record ComparisonData(TrainData training, Examples test) {
    public ComparisonData {
        if (training.eval() == null) {
            throw new ConfigException("a comparison needs validation data, by which the learning rates are chosen");
        }
        if (test.size() == 0) {
            throw new ConfigException("the test data has no row");
        }
    }

    Examples validation() {
        return Objects.requireNonNull(training.eval());
    }

    /** What the user is to be warned of: rows that are the same where they should be others, say. */
    public List<String> warnings() {
        return SameRows.of(this).told();
    }
}
