package org.loft4j.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.RowFormat;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The rows, and how they are read. */
final class DataFlags {
    @Option(
            names = "--data",
            paramLabel = "FILE",
            description =
                    "Rows as .jsonl, .json, .csv, .tsv or .txt, each also with .gz behind it, or as .parquet; a pattern of"
                            + " such files, as 'part-*.jsonl'; or the rows of a query, as \"SELECT prompt, completion FROM"
                            + " 'chats/*.parquet' WHERE score > 3\". Rows are text and label; text alone; prompt and"
                            + " completion, or instruction, input and output, where only the answer is learnt; a prompt with chosen and"
                            + " rejected, two answers of which the first is preferred; anchor and positive, two texts that belong together, and"
                            + " negative, one that does not; or, but in .csv and .tsv,"
                            + " messages or conversations, or tokens and tags of a text. Images: a folder"
                            + " with a folder for each class, a .csv with the columns image and label, or"
                            + " images-idx3-ubyte(.gz) with its labels beside it. Required to train, to compare and to evaluate.")
    DataReference data;

    @Option(
            names = "--max-length",
            paramLabel = "TOKENS",
            description =
                    "Longer rows are cut. Default: 512, or what the model was made for, if less; eval: as in training.")
    @Nullable
    Integer maxLength;

    @Option(
            names = "--label-column",
            paramLabel = "NAME",
            description =
                    "Column of the label, or of the labels where a text may have several. Default: label, or labels.")
    @Nullable
    String labelColumn;

    @Mixin
    LabelFlags labels = new LabelFlags();

    @Mixin
    ColumnFlags columns = new ColumnFlags();

    void check(Problems problems) {
        checkPlace(problems);
        checkColumns(problems);
    }

    /** The same where a prompt alone may make a row, which shows once the model is found. */
    void checkOrPrompts(Problems problems) {
        boolean alone = columns.format == RowFormat.AUTO && columns.prompt != null && columns.completion == null;
        checkPlace(problems);
        if (alone) {
            checkRest(problems);
        } else {
            checkColumns(problems);
        }
    }

    private void checkPlace(Problems problems) {
        if (data == null) {
            problems.add("Missing required option: '--data=FILE'");
        }
        requireOrFolder(problems, "--data", data);
    }

    /** All but which data it is. */
    void checkColumns(Problems problems) {
        problems.of(() -> columns(false));
        checkRest(problems);
    }

    private void checkRest(Problems problems) {
        problems.of(labels::several);
        if (maxLength != null && maxLength < 1) {
            problems.add("max_length must be at least 1, got " + maxLength);
        }
    }

    /** Rows are in files or come of a query; they need not be given. */
    static void require(Problems problems, String flag, @Nullable DataReference data) {
        String fault = data == null ? null : data.fault();
        if (fault != null) {
            problems.add(flag + " " + fault);
        }
    }

    /** The same, where images may be in a folder. */
    static void requireOrFolder(Problems problems, String flag, @Nullable DataReference data) {
        Path existing = data == null ? null : data.existing();
        if (existing == null || !Files.isDirectory(existing)) {
            require(problems, flag, data);
        }
    }

    /** Where images are. */
    static Path images(DataReference data) throws DataException {
        Path existing = data.existing();
        if (existing == null) {
            throw new DataException(data.shown(), "images are read from a folder or a file");
        }
        return existing;
    }

    /** Which columns make the rows, so far as the first of them says, which is looked at once. */
    Supplier<RowFormat> format(DataReference rows) {
        AtomicReference<@Nullable RowFormat> known = new AtomicReference<>();
        return () -> {
            RowFormat format = known.get();
            if (format == null) {
                format = DataFiles.format(rows, columns(false));
                known.set(format);
            }
            return format;
        };
    }

    /** @param labelled whether the rows must have a label */
    Columns columns(boolean labelled) {
        boolean named = columns.prompt != null || columns.completion != null || columns.format != RowFormat.AUTO;
        boolean texts = !named && (columns.text != null || columns.textPair != null || labelColumn != null);
        return columns.learnt(labelColumn == null && texts && labelled ? "label" : labelColumn);
    }
}
