package org.loft4j.cli.compare;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the data of a comparison have in common, by their checksums and row by row: each is to tell what the others cannot.
 *
 * @param testChose whether the test data are the validation data
 * @param testLearnt whether the test data are the training data
 * @param validationLearnt whether the validation data are the training data
 * @param shared {@link ComparisonData#shared}
 * @param testIsFold whether the test data are the fold that is held out, as are the validation data then
 * @param someChose whether some of the test rows are among those that choose the learning rates
 */
record SameRows(
        boolean testChose,
        boolean testLearnt,
        boolean validationLearnt,
        Map<String, String> shared,
        boolean testIsFold,
        boolean someChose) {
    static final String TEST_IN_TRAINING = "test_rows_in_train_data";
    static final String TEST_IN_VALIDATION = "test_rows_in_eval_data";
    static final String VALIDATION_IN_TRAINING = "eval_rows_in_train_data";

    static SameRows of(ComparisonData data) {
        return of(
                data.training().train().fingerprint(),
                data.validation().fingerprint(),
                data.test().fingerprint(),
                data.shared(),
                false);
    }

    /** Of a finished run, whose settings tell of the data. */
    static SameRows of(Map<String, Object> settings) {
        Map<String, String> shared = new LinkedHashMap<>();
        for (String name : List.of(TEST_IN_TRAINING, TEST_IN_VALIDATION, VALIDATION_IN_TRAINING)) {
            Object count = settings.get(name);
            if (count != null) {
                shared.put(name, count.toString());
            }
        }
        return of(
                settings.get(TrialSettings.TRAINING_ROWS),
                settings.get(TrialSettings.VALIDATION_ROWS),
                settings.get(TrialSettings.TEST_ROWS),
                shared,
                !String.valueOf(settings.getOrDefault(TrialSettings.FOLDS, 0)).equals("0"));
    }

    private static SameRows of(
            @Nullable Object train,
            @Nullable Object validation,
            @Nullable Object test,
            Map<String, String> shared,
            boolean folds) {
        boolean chose = test != null && test.equals(validation);
        return new SameRows(
                chose && !folds,
                test != null && test.equals(train),
                validation != null && validation.equals(train),
                shared,
                chose && folds,
                shared.containsKey(TEST_IN_VALIDATION) || (folds && shared.containsKey(TEST_IN_TRAINING)));
    }

    /** Whether the test data are as good as new to what was chosen and trained. */
    boolean testIsNew() {
        return !testChose && !testLearnt && !testIsFold && !someChose;
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
        shared.forEach((name, count) -> told.add(count + " " + told(name)));
        return told;
    }

    private static String told(String name) {
        return switch (name) {
            case TEST_IN_TRAINING ->
                "test rows are training rows too, and tell what was learnt by heart: 'loft data check' names them";
            case TEST_IN_VALIDATION ->
                "test rows are validation rows too, which choose the learning rates: 'loft data check' names them";
            default ->
                "validation rows are training rows too, and choose what learns by heart best: 'loft data check' names"
                        + " them";
        };
    }
}
