package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.data.DataReference;
import org.loft4j.data.Folds;
import picocli.CommandLine.Option;

/** Which rows choose learning rates and judge: those of files, or folds of the rows to learn from. */
final class FoldFlags {
    @Option(
            names = "--eval-data",
            paramLabel = "FILE",
            description =
                    "Validation rows, by which learning rates are chosen. Required, but with --folds and --report-only.")
    @Nullable
    DataReference evalData;

    @Option(
            names = "--test-data",
            paramLabel = "FILE",
            description =
                    "Test rows, on which the results are reported and by which nothing is chosen. Required, but with --folds and --report-only.")
    @Nullable
    DataReference testData;

    @Option(
            names = "--folds",
            paramLabel = "K",
            description =
                    "Cross-validation, for few rows: --data is parted into K folds, at least 2, each of which is held out once"
                            + " while the others are learnt. Classes are parted in their proportions. The table has mean and standard"
                            + " error over folds and seeds. Default: none.")
    @Nullable
    Integer folds;

    int folds() {
        return folds == null ? 0 : folds;
    }

    void check(Problems problems) {
        Integer asked = folds;
        if (asked == null) {
            require(problems, "--eval-data=FILE", evalData);
            require(problems, "--test-data=FILE", testData);
        } else if (asked == 0) {
            // other numbers are refused with the settings, where 0 is for none
            problems.of(() -> Folds.requireEnough(asked));
        }
        if (asked != null && evalData != null) {
            problems.add("--folds and --eval-data exclude each other: each fold of --data is held out once, and chooses"
                    + " learning rates; leave one of them out (--test-data may stay)");
        }
        DataFlags.require(problems, "--eval-data", evalData);
        DataFlags.require(problems, "--test-data", testData);
    }

    static void require(Problems problems, String option, @Nullable Object value) {
        if (value == null) {
            problems.add("Missing required option: '" + option + "'");
        }
    }
}
