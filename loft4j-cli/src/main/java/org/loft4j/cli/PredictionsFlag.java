package org.loft4j.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;
import org.loft4j.nn.Threshold;
import picocli.CommandLine.Option;

/** Where it is written what a model makes of each row. */
final class PredictionsFlag {
    @Option(
            names = "--predictions",
            paramLabel = "FILE",
            description =
                    "Write a line of JSON for each row: where it is, what it says, its loss and what the model tells of it;"
                            + " and show the ten rows of the greatest loss. Not for sentence embeddings, --reward and answers"
                            + " judged one by one. Default: none.")
    @Nullable
    Path file;

    void check(Problems problems) {
        if (file != null && Files.isDirectory(file)) {
            problems.add("--predictions " + file + " is a folder: name a file, such as "
                    + file.resolve("predictions.jsonl"));
        }
    }

    /** @throws ConfigException if it is asked for, and rows have no loss of their own */
    void requireOwnLoss(boolean has, String of, String why) {
        if (file != null && !has) {
            throw new ConfigException("--predictions and " + of + " exclude each other: " + why + "; leave it out");
        }
    }

    /** Null where it is not asked for. */
    @Nullable
    RowPredictions of(Model model, Threshold threshold) {
        return file == null ? null : new RowPredictions(file, model, threshold);
    }
}
