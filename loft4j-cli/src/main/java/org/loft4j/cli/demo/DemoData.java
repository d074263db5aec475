package org.loft4j.cli.demo;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.loft4j.data.DataFiles;
import org.loft4j.data.Dataset;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Labels;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;
import org.loft4j.train.TrainData;

/**
 * The sentences, tokenized.
 *
 * @param labels "correct" and "error"
 * @param training what the runs learn from and are watched by
 * @param test what they are judged by
 */
record DemoData(Labels labels, TrainData training, Dataset test) {
    static DemoData read(Path model, Path directory, DemoSettings settings) throws IOException {
        Labels labels = Labels.ofNames(List.of(LanguageToolPairs.CORRECT, LanguageToolPairs.ERROR));
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            Dataset train = dataset(rows(directory, SentencePair.Split.TRAIN), labels, tokenizer);
            Dataset valid = dataset(heldOut(directory, SentencePair.Split.VALID, settings), labels, tokenizer);
            Dataset test = dataset(heldOut(directory, SentencePair.Split.TEST, settings), labels, tokenizer);
            return new DemoData(labels, new TrainData(train, valid, tokenizer.padId(), DemoSettings.MAX_LENGTH), test);
        }
    }

    private static List<Row> rows(Path directory, SentencePair.Split split) throws IOException {
        return DataFiles.read(directory.resolve(split.fileName()));
    }

    /** Sorted by length, since an evaluation does not depend on the order and batches then need little padding. */
    private static List<Row> heldOut(Path directory, SentencePair.Split split, DemoSettings settings)
            throws IOException {
        return some(rows(directory, split), settings).stream()
                .sorted(Comparator.comparingInt(DemoData::length))
                .toList();
    }

    private static int length(Row row) {
        return row instanceof LabeledText labeled ? labeled.text().length() : 0;
    }

    /** As many pairs as the settings want, spread evenly over the file; a pair is two rows. */
    static List<Row> some(List<Row> rows, DemoSettings settings) {
        int pairs = rows.size() / 2;
        int wanted = settings.evalPairs(pairs);
        List<Row> chosen = new ArrayList<>();
        for (int i = 0; i < wanted; i++) {
            int pair = (int) ((long) i * pairs / wanted);
            chosen.add(rows.get(2 * pair));
            chosen.add(rows.get(2 * pair + 1));
        }
        return chosen;
    }

    private static Dataset dataset(List<Row> rows, Labels labels, Tokenizer tokenizer) throws IOException {
        return Dataset.classification(rows, labels, tokenizer, DemoSettings.MAX_LENGTH);
    }
}
