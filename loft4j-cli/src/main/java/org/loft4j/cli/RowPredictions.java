package org.loft4j.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.cli.report.Table;
import org.loft4j.data.Labels;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.TaggedWords;
import org.loft4j.data.Tokenizer;
import org.loft4j.data.WordTokens;
import org.loft4j.data.image.LabeledImages;
import org.loft4j.io.AtomicFiles;
import org.loft4j.io.Json;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;
import org.loft4j.nn.Threshold;
import org.loft4j.train.Evaluator;
import org.loft4j.train.RowOutcome;

/** What a model makes of each row that it is judged by: a line of JSON for each, and those of the greatest loss in words. */
final class RowPredictions {
    private static final int WORST = 10;
    private static final int TEXT = 60;

    private final Path file;
    private final Model model;
    private final List<String> names;
    private final @Nullable Labels labels;
    private final Threshold threshold;
    private final Map<Integer, RowOutcome> outcomes = new HashMap<>();
    private final List<Told> worst = new ArrayList<>();
    private int rows;

    /**
     * A row with what the model makes of it.
     *
     * @param words for each word of the row its place among the outcome's, −1 where it has none; empty where words have no classes
     */
    private record Told(JudgedRow row, RowOutcome outcome, int[] words) {
        /** What is not a number is worse than anything. */
        double rank() {
            return Double.isNaN(outcome.loss()) ? Double.POSITIVE_INFINITY : outcome.loss();
        }
    }

    /** @param labels the classes by which rows are judged; null for none */
    RowPredictions(Path file, Model model, @Nullable Labels labels, Threshold threshold) {
        this.file = file;
        this.model = model;
        this.names = Labels.distinct(labels == null ? model.description().labels() : labels.names());
        this.labels = labels;
        this.threshold = threshold;
    }

    /** An evaluator that tells of each example, where somebody asks. */
    static Evaluator heard(Evaluator evaluator, @Nullable RowPredictions asking) {
        return asking == null ? evaluator : evaluator.withEach(asking.outcomes::put);
    }

    /**
     * Writes the file of rows.
     *
     * @param maxLength by which they were encoded
     */
    void write(FaultyRows.Kept kept, StreamingDataset.Encoder encoder, Tokenizer tokenizer, int maxLength)
            throws IOException {
        write(
                kept.rows().stream().map(JudgedRow::of).toList(),
                counts(kept, encoder),
                row -> kept.rows().get(row) instanceof TaggedWords tagged
                        ? places(WordTokens.of(tagged.words(), tokenizer, maxLength))
                        : new int[0]);
    }

    /** Which of the words that have a token each one is. */
    private static int[] places(WordTokens tokens) {
        int[] places = tokens.firsts();
        int next = 0;
        for (int word = 0; word < places.length; word++) {
            places[word] = places[word] < 0 ? -1 : next++;
        }
        return places;
    }

    /** Writes the file of images. */
    void write(LabeledImages images) throws IOException {
        IntStream all = IntStream.range(0, images.size());
        int[] one = new int[images.size()];
        Arrays.fill(one, 1);
        write(all.mapToObj(i -> JudgedRow.of(images, i)).toList(), one, row -> new int[0]);
    }

    /** How many examples each row became: one, but of conversations some may be several. */
    private static int[] counts(FaultyRows.Kept kept, StreamingDataset.Encoder encoder) throws IOException {
        int[] counts = new int[kept.rows().size()];
        boolean alike = kept.examples().size() == counts.length;
        for (int i = 0; i < counts.length; i++) {
            counts[i] = alike ? 1 : encoder.encode(List.of(kept.rows().get(i))).size();
        }
        return counts;
    }

    /**
     * Writes the file, whole or not at all.
     *
     * @param judged the rows, in the order of their examples
     * @param examples how many each row became
     * @param words of a row by its place
     */
    private void write(List<JudgedRow> judged, int[] examples, IntFunction<int[]> words) throws IOException {
        List<Told> all = new ArrayList<>();
        int next = 0;
        for (int row = 0; row < examples.length; row++) {
            List<RowOutcome> own = IntStream.range(next, next + examples[row])
                    .mapToObj(i -> Objects.requireNonNull(outcomes.get(i)))
                    .toList();
            next += examples[row];
            RowOutcome outcome = own.size() == 1 ? own.get(0) : together(own);
            all.add(new Told(judged.get(row), outcome, words.apply(row)));
        }
        AtomicFiles.write(file, channel -> {
            for (Told told : all) {
                String line = Json.text(Objects.requireNonNull(Json.finite(tree(told)))) + "\n";
                AtomicFiles.writeFully(channel, ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
            }
        });
        rows = all.size();
        all.stream()
                .sorted(Comparator.comparingDouble(Told::rank).reversed())
                .limit(WORST)
                .forEach(worst::add);
    }

    /** A conversation that became several examples: the mean over the tokens of all of them. */
    private static RowOutcome together(List<RowOutcome> parts) {
        int targets = parts.stream().mapToInt(RowOutcome::targets).sum();
        double sum =
                parts.stream().mapToDouble(part -> part.loss() * part.targets()).sum();
        return new RowOutcome(sum / Math.max(1, targets), targets, new int[0], new double[0]);
    }

    private Map<String, @Nullable Object> tree(Told told) {
        JudgedRow row = told.row();
        RowOutcome outcome = told.outcome();
        Map<String, @Nullable Object> tree = new LinkedHashMap<>(row.fields());
        for (String key : List.of("label", "labels", "tags")) {
            tree.computeIfPresent(key, (name, value) -> meant(value));
        }
        tree.put("loss", outcome.loss());
        double[] outputs = outcome.outputs();
        if (model.task().writes()) {
            if (outputs.length == 2) {
                tree.put("reward_chosen", outputs[0]);
                tree.put("reward_rejected", outputs[1]);
            } else {
                tree.put("tokens", outcome.targets());
            }
        } else if (model.isRegression() && row.label().isEmpty()) {
            tree.put("scores", outputs);
        } else if (model.isRegression()) {
            tree.put("score", outputs[0]);
        } else if (model.isMultiLabel()) {
            tree.put("predicted", several(outputs));
            tree.put("probabilities", byName(outputs));
        } else if (model.task() == Task.TOKEN_CLASSIFICATION) {
            tree.put("predicted", ofWords(told.words(), place -> names.get(outcome.told()[place])));
            tree.put("probabilities", ofWords(told.words(), place -> outputs[place]));
        } else {
            tree.put("predicted", names.get(outcome.told()[0]));
            tree.put("probability", outputs[outcome.told()[0]]);
            tree.put("probabilities", byName(outputs));
        }
        return tree;
    }

    /** What a label of a row was taken for, as what is told of it is written: the number of a regression, or the name of a class. */
    private Object meant(Object label) {
        if (label instanceof List<?> several) {
            return several.stream().map(this::meant).toList();
        }
        String text = label.toString();
        if (model.isRegression()) {
            return Double.parseDouble(text);
        }
        return labels == null ? text : names.get(labels.index(text));
    }

    private List<String> several(double[] probabilities) {
        return IntStream.range(0, probabilities.length)
                .filter(k -> probabilities[k] > threshold.probability())
                .mapToObj(names::get)
                .toList();
    }

    /** As many as there are words, so that both stand side by side. */
    private static <T> List<@Nullable T> ofWords(int[] words, IntFunction<T> told) {
        List<@Nullable T> all = new ArrayList<>();
        for (int place : words) {
            all.add(place < 0 ? null : told.apply(place));
        }
        return all;
    }

    private Map<String, Double> byName(double[] probabilities) {
        Map<String, Double> named = new LinkedHashMap<>();
        for (int k = 0; k < probabilities.length; k++) {
            named.put(names.get(k), probabilities[k]);
        }
        return named;
    }

    /** The rows of the greatest loss, as the file has them. */
    List<Map<String, @Nullable Object>> worst() {
        return worst.stream().map(this::tree).toList();
    }

    /** The same for people. */
    String text() {
        boolean files = worst.stream()
                        .map(told -> told.row().fields().get("file"))
                        .distinct()
                        .count()
                > 1;
        boolean labelled = worst.stream().anyMatch(told -> !told.row().label().isEmpty());
        Table table = new Table("row", ">loss", "label", "told", "text");
        for (Told told : worst) {
            Object source = told.row().fields().get("file");
            table.row(
                    (files ? source + ", " : "") + told.row().place(),
                    String.format(Locale.ROOT, "%.4f", told.outcome().loss()),
                    PredictCommand.field(String.valueOf(
                            tree(told).getOrDefault("label", told.row().label()))),
                    told(told),
                    shortened(told.row().text()));
        }
        return "The " + (worst.size() == 1 ? "row" : Quantities.of(worst.size(), "row"))
                + " of " + rows + " that the model finds least likely"
                + (labelled ? "; where labels are wrong, they are wrong here most often" : "") + ":\n" + table
                + "All rows: " + file + "\n";
    }

    private String told(Told told) {
        double[] outputs = told.outcome().outputs();
        Object predicted = tree(told).get("predicted");
        if (predicted instanceof List<?> several) {
            return several.stream()
                    .map(one -> one == null ? "–" : PredictCommand.field(one.toString()))
                    .collect(Collectors.joining(model.isMultiLabel() ? ", " : " "));
        }
        if (predicted != null) {
            return PredictCommand.field(predicted.toString())
                    + String.format(
                            Locale.ROOT, " (%.3f)", outputs[told.outcome().told()[0]]);
        }
        return outputs.length == 0
                ? Quantities.of(told.outcome().targets(), "token")
                : IntStream.range(0, outputs.length)
                        .mapToObj(i -> ScoreLines.text(outputs[i]))
                        .collect(Collectors.joining(" "));
    }

    private static String shortened(String text) {
        String line = PredictCommand.field(text.strip());
        return line.codePointCount(0, line.length()) <= TEXT
                ? line
                : line.substring(0, line.offsetByCodePoints(0, TEXT)) + "…";
    }
}
