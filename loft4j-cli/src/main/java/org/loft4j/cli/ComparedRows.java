package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.compare.ComparisonData;
import org.loft4j.cli.compare.TrialData;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Dataset;
import org.loft4j.data.Examples;
import org.loft4j.data.Folds;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;
import org.loft4j.train.TrainData;

/** The rows of a comparison as its runs take them: the same for all, or one fold held out of the others. */
final class ComparedRows {
    /** How many times its share of the rows a fold may have before it is told. */
    private static final double UNEVEN = 1.5;

    private static final PrintWriter SILENT = new PrintWriter(PrintWriter.nullWriter());

    private final TrainingRows rows;
    private final PackingFlags packing;
    private final Tokenizer tokenizer;
    private final @Nullable ChatFormat format;
    private final int rowLength;
    private final int maxLength;
    private final RewardFlags.Judging judging;
    private final PrintWriter err;

    /**
     * @param format how conversations are written; null where there are none
     * @param rowLength to which rows are cut, in tokens
     * @param maxLength of a row with what the model answers
     */
    ComparedRows(
            TrainingRows rows,
            PackingFlags packing,
            Tokenizer tokenizer,
            @Nullable ChatFormat format,
            int rowLength,
            int maxLength,
            RewardFlags.Judging judging,
            PrintWriter err) {
        this.rows = rows;
        this.packing = packing;
        this.tokenizer = tokenizer;
        this.format = format;
        this.rowLength = rowLength;
        this.maxLength = maxLength;
        this.judging = judging;
        this.err = err;
    }

    /** Training, validation and test rows from files of their own, and what they have in common is told. */
    TrialData ofFiles(List<Row> test) throws IOException {
        List<Row> validation = Objects.requireNonNull(rows.eval());
        TrainData training = training(encode(rows.train(), "training", err), encode(validation, "validation", err));
        ComparisonData data =
                new ComparisonData(training, encode(test, "test", err)).withRows(rows.train(), validation, test);
        tell(data);
        return TrialData.all(data);
    }

    /**
     * The rows to learn from in folds, parted anew for each seed. One fold is encoded at a time.
     *
     * @param test rows that the results are reported on; null for those of the fold that is held out
     * @param seed of the first runs
     */
    TrialData inFolds(int folds, @Nullable List<Row> test, long seed) throws IOException {
        boolean blocks = packing.packing == Packing.BLOCKS;
        // once as a whole: rows with faults, and those that are cut, are told once
        FaultyRows.Kept kept = rows.faulty()
                .encode(rows.train(), some -> rows.encode(some, tokenizer, format, rowLength, blocks), "training");
        Dataset texts = kept.examples().texts();
        TrainingRows.tell(
                rows.learnt().task(),
                kept.rows().size(),
                blocks ? 0 : kept.examples().size(),
                texts.truncations(),
                texts.altered(),
                rowLength,
                "training",
                err);
        if (rows.learnt().hasClasses()) {
            tellRare(kept.rows(), folds);
        }
        tellUneven(Folds.of(kept.rows(), folds, seed, rows.learnt().hasClasses()));
        Examples judged = test == null ? null : encode(test, "test", err);
        Folded folded = new Folded(kept.rows(), folds, test, judged);
        ComparisonData first = folded.of(seed, 1);
        if (test != null) {
            tell(first);
        }
        return folded;
    }

    private void tell(ComparisonData data) {
        data.warnings().forEach(line -> err.println("loft: " + line));
    }

    private void tellRare(List<Row> all, int folds) {
        Map<String, Integer> rare = new LinkedHashMap<>(Folds.labelCounts(all));
        rare.values().removeIf(count -> count >= folds);
        if (!rare.isEmpty()) {
            err.println("loft: " + Quantities.of(rare.size(), "label") + (rare.size() == 1 ? " has" : " have")
                    + " fewer different texts than the " + folds
                    + " folds, some of which do not judge "
                    + (rare.size() == 1 ? "it" : "them") + ": "
                    + rare.entrySet().stream()
                            .limit(TrainingRows.SHOWN)
                            .map(entry -> '"' + entry.getKey() + "\" (" + entry.getValue() + ")")
                            .collect(Collectors.joining(", "))
                    + (rare.size() > TrainingRows.SHOWN ? ", …" : "")
                    + (rare.containsValue(1) ? "; a label of one text is never learnt where it is judged" : ""));
        }
    }

    /** Many rows that ask the same make folds of very different sizes. */
    private void tellUneven(Folds parted) {
        int all = parted.parts().stream().mapToInt(List::size).sum();
        int share = (all + parted.count() - 1) / parted.count();
        if (parted.largest() > UNEVEN * share) {
            err.println("loft: the largest of the " + parted.count() + " folds has " + parted.largest() + " of " + all
                    + " rows, for rows that ask the same are in one fold: what its run learns and what judges it differ"
                    + " much from those of the others");
        }
    }

    private Examples encode(List<Row> some, String kind, PrintWriter told) throws IOException {
        return packing.encode(rows, some, tokenizer, format, rowLength, kind, told);
    }

    private TrainData training(Examples train, Examples validation) {
        TrainData training = new TrainData(train, validation, tokenizer.padId(), maxLength);
        return judging.judges() ? training.withRewards(judging.rewards()) : training;
    }

    /** Keeps the last fold, which the next run takes as a rule. */
    private final class Folded implements TrialData {
        private record Kept(long seed, int fold, ComparisonData data) {}

        private final List<Row> all;
        private final int folds;
        private final @Nullable List<Row> test;
        private final @Nullable Examples judged;
        private @Nullable Kept kept;

        Folded(List<Row> all, int folds, @Nullable List<Row> test, @Nullable Examples judged) {
            this.all = all;
            this.folds = folds;
            this.test = test;
            this.judged = judged;
        }

        @Override
        public int folds() {
            return folds;
        }

        @Override
        public ComparisonData of(long seed, int fold) throws IOException {
            Kept known = kept;
            if (known == null || known.seed() != seed || known.fold() != fold) {
                Folds parted = Folds.of(all, folds, seed, rows.learnt().hasClasses());
                Examples held = encode(parted.heldOut(fold - 1), "held-out", SILENT);
                TrainData training = training(encode(parted.learnt(fold - 1), "training", SILENT), held);
                known = new Kept(
                        seed,
                        fold,
                        test == null || judged == null
                                ? new ComparisonData(training, held)
                                : new ComparisonData(training, judged).withRows(all, List.of(), test));
                kept = known;
            }
            return known.data();
        }
    }
}
