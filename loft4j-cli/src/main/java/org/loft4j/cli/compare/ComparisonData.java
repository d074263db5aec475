package org.loft4j.cli.compare;

import java.io.IOException;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.Examples;
import org.loft4j.data.Preferences;
import org.loft4j.data.Repetitions;
import org.loft4j.data.Row;
import org.loft4j.train.Evaluator;
import org.loft4j.train.TrainData;

/**
 * The tokenised data that all runs share.
 *
 * @param training rows to learn from, and validation rows that choose among learning rates
 * @param test rows that the results are reported on
 * @param shared how many rows of one part are rows of another one too, {@code 3 of 200}, by the names of {@link SameRows}; nothing
 *     of parts that share none, or are the same
 */
public record ComparisonData(TrainData training, Examples test, Map<String, String> shared) {
    public ComparisonData {
        shared = Collections.unmodifiableMap(new LinkedHashMap<>(shared));
        Examples held = training.eval();
        if (held == null) {
            throw new ConfigException("a comparison needs validation data, by which the learning rates are chosen");
        }
        if (test.size() == 0) {
            throw new ConfigException("the test data has no row");
        }
        // the same rows are kept, and judged, once
        test = test.fingerprint().equals(held.fingerprint()) ? held : test;
    }

    /** Of data whose rows are not known. */
    public ComparisonData(TrainData training, Examples test) {
        this(training, test, Map.of());
    }

    /**
     * The same data with what its rows have in common.
     *
     * @param train the rows to learn from as they were read; so the others
     */
    public ComparisonData withRows(List<Row> train, List<Row> validation, List<Row> test) {
        SameRows same = SameRows.of(this);
        Map<String, String> found = new LinkedHashMap<>();
        if (!same.testLearnt()) {
            count(found, SameRows.TEST_IN_TRAINING, test, train);
        }
        if (!same.testChose()) {
            count(found, SameRows.TEST_IN_VALIDATION, test, validation);
        }
        if (!same.validationLearnt()) {
            count(found, SameRows.VALIDATION_IN_TRAINING, validation, train);
        }
        return new ComparisonData(training, this.test, found);
    }

    /** Whether there are preferences of which it is not known what the model held before any run. */
    boolean lacksReference() {
        return preferences().anyMatch(some -> some.reference() == null);
    }

    /**
     * The same data with what a model that is as before any run holds of preferences, which then is the same for all of them. What
     * is known, and other data, stay as they are.
     *
     * @param givenUp asked before each batch
     * @return null if it was given up
     */
    @Nullable
    ComparisonData withReference(Evaluator evaluator, BooleanSupplier givenUp, Evaluator.Progress progress)
            throws IOException {
        List<Preferences> known = evaluator.withReference(preferences().toList(), givenUp, progress);
        if (known == null) {
            return null;
        }
        Iterator<Preferences> next = known.iterator();
        UnaryOperator<Examples> ready = part -> part instanceof Preferences ? next.next() : part;
        Examples learning = ready.apply((Examples) training.train());
        Examples held = ready.apply(validation());
        TrainData learnt = new TrainData(
                learning, held, training.padId(), training.maxLength(), training.metrics(), training.rewards());
        return new ComparisonData(learnt, testIsValidation() ? held : ready.apply(test), shared);
    }

    /** Whether the fold that is held out is judged in place of rows of a test, or both are of one file. */
    private boolean testIsValidation() {
        return test == validation();
    }

    private Stream<Preferences> preferences() {
        return Stream.of(training.train(), validation(), test)
                .limit(testIsValidation() ? 2 : 3)
                .filter(Preferences.class::isInstance)
                .map(Preferences.class::cast);
    }

    private static void count(Map<String, String> found, String name, List<Row> rows, List<Row> others) {
        int count = Repetitions.across(others, rows).same().size();
        if (count > 0) {
            found.put(name, count + " of " + rows.size());
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
