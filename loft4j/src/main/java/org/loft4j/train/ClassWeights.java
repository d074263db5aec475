package org.loft4j.train;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.Shown;
import org.loft4j.data.Dataset;
import org.loft4j.data.Encoded;
import org.loft4j.data.ImageDataset;
import org.loft4j.data.Labels;
import org.loft4j.data.TrainingSet;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;

/**
 * What the examples of each class weigh in the loss of the steps, so that rare classes are not passed over. Where an example has one
 * class, the loss is {@code Σ w[y]·ℓ / Σ w[y]} over all targets of a step, as PyTorch's {@code CrossEntropyLoss} has it; where a text
 * may have several labels, a weight multiplies what is lost where the text has the label ({@code pos_weight} of
 * {@code BCEWithLogitsLoss}). Evaluations are without weights.
 *
 * @param balanced whether the weights are found in the training data: {@code n / (k·n_c)} for a class that n_c of the n targets have,
 *     where k classes occur (King and Zeng 2001; scikit-learn's {@code balanced}); of several labels those without one for each with it
 * @param named by a class' name its weight, above 0; 1 for the others
 */
public record ClassWeights(boolean balanced, Map<String, Double> named) {
    /** The name of the setting. */
    public static final String KEY = "class_weights";

    private static final String WORD = "balanced";
    private static final String NONE = "none";

    /** Characters of a name in a line. */
    private static final int NAME = 40;

    /** No class before another. */
    public static final ClassWeights EQUAL = new ClassWeights(false, Map.of());

    /** By how rare each class is in the training data. */
    public static final ClassWeights BALANCED = new ClassWeights(true, Map.of());

    public ClassWeights {
        named = Collections.unmodifiableMap(new LinkedHashMap<>(named));
        if (balanced && !named.isEmpty()) {
            throw new ConfigException(KEY + " are " + WORD + " or named, not both");
        }
        named.forEach((name, weight) -> Checks.positive(KEY + " " + name, weight));
    }

    /**
     * Reads words.
     *
     * @param words {@code balanced} alone, or {@code NAME=WEIGHT} each; none for {@link #EQUAL}
     * @throws ConfigException if a word is neither, or names what another names
     */
    public static ClassWeights parse(List<String> words) {
        if (words.isEmpty()) {
            return EQUAL;
        }
        if (words.equals(List.of(WORD))) {
            return BALANCED;
        }
        Map<String, Double> named = new LinkedHashMap<>();
        for (String word : words) {
            int at = word.lastIndexOf('=');
            if (at < 1) {
                throw new ConfigException(
                        KEY + " must be " + WORD + ", or NAME=WEIGHT for one class or more, got " + word);
            }
            if (named.put(word.substring(0, at).strip(), number(word, word.substring(at + 1))) != null) {
                throw new ConfigException(
                        KEY + " gives " + word.substring(0, at).strip() + " two weights: leave one out");
            }
        }
        return new ClassWeights(false, named);
    }

    private static double number(String word, String weight) {
        try {
            return Double.parseDouble(weight.strip());
        } catch (NumberFormatException e) {
            throw new ConfigException(KEY + " takes a number behind the last =, got " + word, e);
        }
    }

    /** Whether no class weighs more than another. */
    boolean isEqual() {
        return !balanced && named.values().stream().allMatch(weight -> weight == 1);
    }

    /** For the record of a run: the same for weights that do the same. */
    String words() {
        if (isEqual()) {
            return NONE;
        }
        return balanced
                ? WORD
                : named.entrySet().stream()
                        .filter(one -> one.getValue() != 1)
                        .map(one -> one.getKey() + "=" + one.getValue())
                        .sorted()
                        .collect(Collectors.joining(", "));
    }

    /** The least and the greatest of those that are named, of which there must be one, for a line. */
    public String range() {
        var byWeight = Map.Entry.<String, Double>comparingByValue();
        Map.Entry<String, Double> least =
                named.entrySet().stream().min(byWeight).orElseThrow();
        Map.Entry<String, Double> greatest =
                named.entrySet().stream().max(byWeight).orElseThrow();
        return String.format(
                Locale.ROOT,
                "from %.3g for %s to %.3g for %s",
                least.getValue(),
                Shown.text(least.getKey(), NAME),
                greatest.getValue(),
                Shown.text(greatest.getKey(), NAME));
    }

    /** What does not fit the task; null for nothing. */
    @Nullable
    String problem(Task task, boolean regression) {
        return equals(EQUAL) || (task.isClassification() && !regression)
                ? null
                : KEY + " are of a classifier, and the model is opened for "
                        + (regression ? "a single output" : task.word()) + ": leave them out"
                        + (task == Task.CAUSAL_LM ? ", or take the task " + Task.SEQUENCE_CLASSIFICATION.word() : "");
    }

    /** What does not fit the model or the data; null for nothing. */
    @Nullable
    String problem(Model model, TrainingSet data) {
        if (equals(EQUAL)) {
            return null;
        }
        String ofTask = problem(model.task(), model.isRegression());
        if (ofTask != null) {
            return ofTask;
        }
        if (balanced && !(data instanceof Dataset || data instanceof ImageDataset)) {
            return KEY + " " + WORD
                    + " counts the labels of all rows before the first step, and these are read as they are learnt: name"
                    + " the weights (NAME=WEIGHT)";
        }
        Labels labels = Labels.ofNames(model.description().labels());
        List<String> unknown = named.keySet().stream()
                .filter(name -> labels.find(name).isEmpty())
                .toList();
        if (!unknown.isEmpty()) {
            return KEY + " names " + String.join(", ", unknown) + ", and the classes are "
                    + String.join(", ", model.description().labels());
        }
        Map<Integer, String> nameOf = new HashMap<>();
        for (String name : named.keySet()) {
            String other = nameOf.put(labels.find(name).orElseThrow(), name);
            if (other != null) {
                return KEY + " gives one class two weights, as " + other + " and as " + name + ": leave one out";
            }
        }
        return null;
    }

    /**
     * The same as names and weights, once the classes of the data are counted.
     *
     * @param data what {@link #problem} takes
     */
    public ClassWeights counted(Model model, TrainingSet data) {
        if (!balanced) {
            return this;
        }
        String problem = problem(model, data);
        if (problem != null) {
            throw new ConfigException(problem);
        }
        List<String> labels = model.description().labels();
        SeveralLabelRows several = SeveralLabelRows.of(data);
        double[] weights = model.isMultiLabel() && several != null
                ? againstTheRest(several, labels.size())
                : balanced(counts(data, labels.size()));
        Map<String, Double> found = new LinkedHashMap<>();
        for (int i = 0; i < weights.length; i++) {
            // of two classes with one name the first is the one that rows have
            found.putIfAbsent(labels.get(i), weights[i]);
        }
        return new ClassWeights(false, found);
    }

    /** {@code n / (k·n_c)}; 1 for a class that does not occur. */
    static double[] balanced(long[] counts) {
        long all = Arrays.stream(counts).sum();
        long occurring = Arrays.stream(counts).filter(count -> count > 0).count();
        return Arrays.stream(counts)
                .mapToDouble(count -> count == 0 ? 1 : (double) all / (occurring * count))
                .toArray();
    }

    private static long[] counts(TrainingSet data, int classes) {
        long[] counts = new long[classes];
        if (data instanceof ImageDataset images) {
            IntStream.range(0, images.size()).forEach(i -> counts[images.label(i)]++);
            return counts;
        }
        Dataset rows = (Dataset) data;
        for (int i = 0; i < rows.size(); i++) {
            for (long label : rows.get(i).labels()) {
                if (label != Encoded.NO_LOSS) {
                    counts[(int) label]++;
                }
            }
        }
        return counts;
    }

    /** Of each label how many texts or images are without it for one that has it; 1 for a label that none or all have. */
    private static double[] againstTheRest(SeveralLabelRows rows, int labels) {
        long[] with = new long[labels];
        rows.all()
                .forEach(has -> IntStream.range(0, labels)
                        .filter(label -> has[label] > 0)
                        .forEach(label -> with[label]++));
        return Arrays.stream(with)
                .mapToDouble(count -> count == 0 || count == rows.size() ? 1 : (double) (rows.size() - count) / count)
                .toArray();
    }

    /**
     * The weights by index; null where all classes weigh the same.
     *
     * @throws ConfigException if they are not {@link #counted} yet, or a name is unknown
     */
    double @Nullable [] of(List<String> names) {
        if (equals(EQUAL)) {
            return null;
        }
        if (balanced) {
            throw new ConfigException(KEY + " are " + WORD + ", and no data was given: ask for ClassWeights.counted");
        }
        Labels labels = Labels.ofNames(names);
        double[] weights = DoubleStream.generate(() -> 1).limit(names.size()).toArray();
        named.forEach((name, weight) -> {
            OptionalInt index = labels.find(name);
            weights[index.orElseThrow(() -> new ConfigException(KEY + " names " + name + ", which is no class"))] =
                    weight;
        });
        return weights;
    }

    /** How much the targets of a batch weigh together. */
    static double total(double[] weights, long[] labels) {
        return Arrays.stream(labels)
                .filter(label -> label != Losses.IGNORED)
                .mapToDouble(label -> weights[(int) label])
                .sum();
    }
}
