package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Objects;
import java.util.SortedSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Columns;
import org.loft4j.data.DataFiles;
import org.loft4j.data.DataReference;
import org.loft4j.data.DataStream;
import org.loft4j.data.ExampleScan;
import org.loft4j.data.JudgedAnswer;
import org.loft4j.data.Labels;
import org.loft4j.data.Preference;
import org.loft4j.data.Row;
import org.loft4j.data.RowScan;
import org.loft4j.data.RowSource;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.Tokenizer;
import org.loft4j.data.TrainTestSplit;
import org.loft4j.nn.Model;
import org.loft4j.nn.PreferenceLoss;

/**
 * The rows of a run that reads them as they are learnt, after one pass over them.
 *
 * @param source rows to learn from
 * @param scan what the pass found
 * @param known what is in memory: the first rows, those held out, and the labels of all
 */
record StreamedRows(RowSource source, RowScan scan, TrainingRows known) {
    /**
     * @param evalFile held-out rows; null for none
     * @param evalShare share of the rows to hold out where there is no such file; 0 for none
     * @param loss of preferences
     */
    static StreamedRows read(
            LearntTask learnt,
            DataFlags data,
            @Nullable DataReference evalFile,
            double evalShare,
            long seed,
            PreferenceLoss.Kind loss)
            throws IOException {
        Columns columns = learnt.columns(data);
        DataStream all = DataFiles.stream(data.data, columns);
        boolean split = evalFile == null && evalShare > 0;
        Predicate<Row> heldOut = row -> {
            requireStreamed(row, learnt, loss);
            return split && TrainTestSplit.isHeldOut(row, evalShare, seed);
        };
        // numbers may be as many as there are rows
        RowScan scan = learnt.regression() ? RowScan.ofScores(all, heldOut) : RowScan.of(all, heldOut);
        if (split && scan.heldOut().isEmpty()) {
            throw new ConfigException("holding out " + evalShare + " of " + scan.rows()
                    + " rows leaves none held out: choose another share or name a file");
        }
        List<Row> eval = evalFile != null
                ? HeldOutRows.alike(
                        DataFiles.read(evalFile, columns), scan.first().get(0))
                : split ? scan.heldOut() : null;
        RowSource source = split ? all.where(heldOut.negate()) : all;
        LearntClasses classes = null;
        String meant = "";
        if (learnt.hasClasses()) {
            SortedSet<String> found = Labels.namesIn(scan.heldOut());
            found.addAll(scan.labels());
            Labels own = learnt.labels(found, scan.first(), all.classes());
            classes = LearntClasses.of(own.inOrder(all.classes()), all.classes(), learnt.modelLabels());
            data.labels.requireAll(classes.labels());
            meant = evalFile == null ? "" : classes.ofHeldOut(Objects.requireNonNull(eval), found);
        }
        String shape = Quantities.of(scan.rows() + scan.heldOut().size(), "row") + " of " + all.columns()
                + " (--format " + all.format().word() + ") in " + data.data.shown() + ", read as they are learnt"
                + TrainingRows.blank(all.blank())
                + (classes == null ? "" : classes.ofRows(learnt, scan.labels(), scan.rows()) + meant)
                + (split && classes != null
                        ? TrainingRows.heldOutAlone("rows", scan.labels(), Labels.namesIn(scan.heldOut()))
                        : "");
        return new StreamedRows(
                source, scan, new TrainingRows(learnt, scan.first(), eval, classes, FaultyRows.END, shape));
    }

    /** The first row says it, before the others are read. */
    private static void requireStreamed(Row row, LearntTask learnt, PreferenceLoss.Kind loss) {
        if (row instanceof JudgedAnswer) {
            throw new ConfigException(
                    "--streaming and answers that are judged one by one exclude each other: what the model"
                            + " holds of every answer is found out before the first step, and kept; leave --streaming out, and where the"
                            + " rows do not fit into the memory, learn some of them after the others (a query with LIMIT, then --adapter); "
                            + PreferenceLossFlags.OR_ALL);
        }
        if (row instanceof Preference && !learnt.ranking() && loss.hasReference()) {
            throw new ConfigException("--streaming and preferences by --preference-loss " + loss.word()
                    + " exclude each other: what the model holds of every answer is found out before the first step, and kept;"
                    + " --preference-loss simpo and orpo do without. Else leave --streaming out, and where the rows do not fit"
                    + " into the memory, learn some of them after the others (a query with LIMIT, then --adapter)");
        }
    }

    /**
     * The rows to learn from.
     *
     * @param tokenizer must stay open as long as the rows are used
     */
    StreamingDataset encode(Tokenizer tokenizer, @Nullable ChatFormat chat, int maxLength, int shuffleBuffer)
            throws IOException {
        return new StreamingDataset(
                source, scan, rows -> known.encode(rows, tokenizer, chat, maxLength, false), shuffleBuffer);
    }

    /**
     * Encodes each row once, so that none ends the run hours in, and says what became of them.
     *
     * @param model that learns them
     */
    static void check(StreamingDataset rows, Model model, int maxLength, PrintWriter err) throws IOException {
        err.println("loft: tokenizing each row once, so that one which cannot be learnt is known before the training");
        err.flush();
        ExampleScan all = rows.scanExamples();
        long vocabularySize = model.description().vocabularySize();
        if (all.largestId() >= vocabularySize) {
            throw new ConfigException("the training data has token id " + all.largestId()
                    + ", but the model knows only " + vocabularySize
                    + " tokens: the tokenizer is that of another model, or tokens were added to it");
        }
        TrainingRows.tell(
                model.task(), all.rows(), all.examples(), all.truncations(), all.altered(), maxLength, "training", err);
    }
}
