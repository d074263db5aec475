package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the data of a comparison have in common, by their checksums: each is to tell what the others cannot.
 *
 * @param testChose whether the test data are the validation data
 * @param testLearnt whether the test data are the training data
 * @param validationLearnt whether the validation data are the training data
 */
record SameRows(boolean testChose, boolean testLearnt, boolean validationLearnt) {
    static SameRows of(ComparisonData data) {
        return of(
                data.training().train().fingerprint(),
                data.validation().fingerprint(),
                data.test().fingerprint());
    }

    /** Of a finished run, whose settings tell of the data. */
    static SameRows of(Map<String, Object> settings) {
        return of(
                settings.get(TrialSettings.TRAINING_ROWS),
                settings.get(TrialSettings.VALIDATION_ROWS),
                settings.get(TrialSettings.TEST_ROWS));
    }

    private static SameRows of(@Nullable Object train, @Nullable Object validation, @Nullable Object test) {
        return new SameRows(
                test != null && test.equals(validation),
                test != null && test.equals(train),
                validation != null && validation.equals(train));
    }

    /** Whether the test data are as good as new to what was chosen and trained. */
    boolean testIsNew() {
        return !testChose && !testLearnt;
    }

    /** What a reader must be told, in sentences without their ends; nothing if all is well. */
    List<String> told() {
        List<String> told = new ArrayList<>();
        if (testChose) {
            told.add(
                    "the test data are the validation data, which choose the learning rates: new rows may score worse");
        }
        if (testLearnt) {
            told.add("the test data are the training data: they tell what was learnt by heart, not how new rows score");
        }
        if (validationLearnt) {
            told.add(
                    "the validation data are the training data: they choose the learning rate that learns by heart best");
        }
        return told;
    }
}
