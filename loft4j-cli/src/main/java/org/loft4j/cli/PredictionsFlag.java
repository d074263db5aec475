package org.loft4j.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.DataReference;
import org.loft4j.data.Labels;
import org.loft4j.io.ModelReference;
import org.loft4j.nn.Model;
import org.loft4j.nn.Threshold;
import picocli.CommandLine.Option;

/** Where it is written what a model makes of each row. */
final class PredictionsFlag {
    private static final String FLAG = "--predictions ";
    private static final List<String> NOT_JSON = List.of(".csv", ".tsv", ".parquet", ".xlsx", ".gz", ".zst");
    private static final String IN_MODEL = "lies in the directory of the model or of its adapter: choose another place";

    @Option(
            names = "--predictions",
            paramLabel = "FILE",
            converter = Words.OfNewFile.class,
            description =
                    "Write a line of JSON for each row: where it is, what it says, its loss and what the model tells of it;"
                            + " and show the ten rows of the greatest loss. Not for sentence embeddings, --reward and answers"
                            + " judged one by one. Default: none.")
    @Nullable
    Path file;

    @Option(names = "--overwrite", description = "Replace the file of --predictions where it is there.")
    boolean overwrite;

    /**
     * Refuses what cannot be written, or must not be, before anything is judged.
     *
     * @param data the rows that are judged; null where the call lacks them
     */
    void check(Problems problems, @Nullable DataReference data, ModelFlags model) {
        Path chosen = file;
        if (chosen == null) {
            return;
        }
        String fault;
        try {
            fault = fault(chosen, data, model);
        } catch (IOException e) {
            fault = "cannot be looked up: " + e;
        }
        if (fault != null) {
            problems.add(FLAG + chosen + " " + fault);
        }
    }

    /** What is wrong with the name of a file of lines; null for nothing. */
    static @Nullable String otherThanLines(Path chosen, String... more) {
        String name = chosen.toString().toLowerCase(Locale.ROOT);
        return Stream.concat(NOT_JSON.stream(), Stream.of(more))
                .filter(name::endsWith)
                .findFirst()
                .map(ending -> "would hold lines of JSON, and no " + ending + ": let its name end in .jsonl")
                .orElse(null);
    }

    private @Nullable String fault(Path chosen, @Nullable DataReference data, ModelFlags model) throws IOException {
        if (data != null && data.names(chosen)) {
            return "is one of the files of --data: choose another file";
        }
        if (NewFile.liesIn(chosen, directory(model.model)) || NewFile.liesIn(chosen, directory(model.adapter))) {
            return IN_MODEL;
        }
        String other = otherThanLines(chosen);
        if (other != null) {
            return other;
        }
        return NewFile.fault(
                chosen, "predictions.jsonl", overwrite ? null : "exists: choose another file, or --overwrite");
    }

    private static @Nullable Path directory(@Nullable ModelReference reference) {
        return reference == null ? null : reference.directory();
    }

    /** @throws ConfigException if the file lies in the directory of a model that the call names as the hub does, or not at all */
    void requireOutside(FoundModel found) throws IOException {
        Path chosen = file;
        if (chosen != null && (NewFile.liesIn(chosen, found.directory()) || NewFile.liesIn(chosen, found.adapter()))) {
            throw new ConfigException(FLAG + chosen + " " + IN_MODEL);
        }
    }

    /** @throws ConfigException if it is asked for, and rows have no loss of their own */
    void requireOwnLoss(boolean has, String of, String why) {
        if (file != null && !has) {
            throw new ConfigException("--predictions and " + of + " exclude each other: " + why + "; leave it out");
        }
    }

    /**
     * Null where it is not asked for.
     *
     * @param labels the classes by which rows are judged; null for none
     */
    @Nullable
    RowPredictions of(Model model, @Nullable Labels labels, Threshold threshold) {
        return file == null ? null : new RowPredictions(file, model, labels, threshold);
    }
}
