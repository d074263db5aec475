package org.loft4j.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Columns;
import picocli.CommandLine.Option;

/** The rows, and how they are read. */
final class DataFlags {
    @Option(
            names = "--data",
            paramLabel = "FILE",
            description =
                    "Rows as .jsonl, .json, .csv, .tsv or .txt: text and label; text alone; prompt and completion, where"
                            + " only the completion is learnt; or, in JSON, messages of a conversation, or tokens"
                            + " and tags of a text. Images: a folder"
                            + " with a folder for each class, a .csv with the columns image and label, or"
                            + " images-idx3-ubyte(.gz) with its labels beside it.")
    Path data;

    @Option(
            names = "--max-length",
            paramLabel = "TOKENS",
            description = "Longer rows are cut. Default: 512, or what the model was made for or trained with, if less.")
    @Nullable
    Integer maxLength;

    @Option(names = "--text-column", paramLabel = "NAME", description = "Column of the text. Default: text.")
    @Nullable
    String textColumn;

    @Option(names = "--label-column", paramLabel = "NAME", description = "Column of the label. Default: label.")
    @Nullable
    String labelColumn;

    void check(Problems problems) {
        if (data == null) {
            problems.add("Missing required option: '--data=FILE'");
        }
        ModelFlags.requireFileOrFolder(problems, "--data", data);
        if (maxLength != null && maxLength < 1) {
            problems.add("max_length must be at least 1, got " + maxLength);
        }
    }

    /** @param labelled whether the rows must have a label */
    Columns columns(boolean labelled) {
        if (textColumn == null && labelColumn == null) {
            return Columns.auto();
        }
        String label = labelColumn != null ? labelColumn : labelled ? "label" : null;
        return Columns.of(textColumn == null ? "text" : textColumn, label);
    }
}
