package org.loft4j.data;

import java.math.BigInteger;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.data.image.LabeledImages;

/**
 * The classes of a classifier by index. The order depends on nothing but the set of names: by value where all are whole
 * numbers, else by the characters.
 */
public final class Labels {
    private static final Pattern WHOLE = Pattern.compile("-?[0-9]{1,1000}");
    private static final Pattern INDEX = Pattern.compile("0|[1-9][0-9]{0,5}");

    private final List<String> names;
    private final Map<String, Integer> indices = new HashMap<>();
    // as alike() has them; -1 for what several names are then
    private final Map<String, Integer> caseless = new HashMap<>();
    private final boolean numeric;

    private Labels(List<String> names) {
        this.names = List.copyOf(names);
        for (int i = 0; i < names.size(); i++) {
            if (indices.putIfAbsent(names.get(i), i) == null) {
                caseless.merge(alike(names.get(i)), i, (first, other) -> -1);
            }
        }
        if (names.size() < 2) {
            throw new ConfigException("a classifier needs at least 2 labels, got " + Quoted.list(names));
        }
        this.numeric = names.stream().anyMatch(Labels::isWhole);
    }

    /**
     * The labels that occur in training data.
     *
     * @throws DataException if a row has no label, or all rows have the same
     */
    public static Labels of(List<? extends Row> rows) throws DataException {
        return of(rows, List.of());
    }

    /**
     * The labels that occur in data for a model that tells classes apart already: where all rows have a single one, which is among
     * the model's, they are the model's.
     *
     * @param known names of the model's classes; empty for none
     * @throws DataException if a row has no label, or all rows have the same and the model does not know it
     */
    public static Labels of(List<? extends Row> rows, List<String> known) throws DataException {
        Origin origin = rows.isEmpty() ? Origin.MEMORY : rows.get(0).origin().whole();
        return found(namesIn(rows), known, origin);
    }

    /**
     * The names that occur in rows, labels or tags.
     *
     * @throws DataException if a row has no label, and is none that may have several
     */
    public static SortedSet<String> namesIn(List<? extends Row> rows) throws DataException {
        for (Row row : rows) {
            if (!(row instanceof TaggedWords || row instanceof MultiLabelText)) {
                labeled(row);
            }
        }
        return namesAmong(rows);
    }

    /** The same where rows without a label are told of, or left out, later. */
    public static SortedSet<String> namesAmong(List<? extends Row> rows) {
        var found = new TreeSet<String>();
        for (Row row : rows) {
            if (row instanceof TaggedWords tagged) {
                found.addAll(tagged.tags());
            } else if (row instanceof MultiLabelText several) {
                found.addAll(several.labels());
            } else if (row instanceof LabeledText text) {
                found.add(text.label());
            }
        }
        return found;
    }

    /**
     * The labels that occur in images.
     *
     * @param file where they are, for messages
     * @throws DataException if all images have the same
     */
    public static Labels of(LabeledImages images, Path file) throws DataException {
        return of(images, List.of(), List.of(), file);
    }

    /**
     * The same for a model that tells classes apart already, as of rows.
     *
     * @param declared names that the data give where images may have several labels, in their order; they are among the labels,
     *     also where no image has them
     * @param known names of the model's classes; empty for none
     * @param file where they are, for messages
     * @throws DataException if all images have the same label, and the model does not know it
     */
    public static Labels of(LabeledImages images, List<String> declared, List<String> known, Path file)
            throws DataException {
        SortedSet<String> found = namesIn(images);
        found.addAll(declared);
        return found(found, known, new Origin(file, 0)).inOrder(declared);
    }

    /** The names of the classes that occur in images. */
    public static SortedSet<String> namesIn(LabeledImages images) {
        var found = new TreeSet<String>();
        for (int i = 0; i < images.size(); i++) {
            found.addAll(images.labels(i));
        }
        return found;
    }

    /** The labels that a pass over rows found, in those held out too. */
    public static Labels of(RowScan rows) throws DataException {
        return of(rows, List.of());
    }

    /**
     * The same for a model that tells classes apart already.
     *
     * @param known names of the model's classes; empty for none
     * @throws DataException if a row has no label, or all rows have the same and the model does not know it
     */
    public static Labels of(RowScan rows, List<String> known) throws DataException {
        SortedSet<String> found = namesIn(rows.heldOut());
        found.addAll(rows.labels());
        return of(found, rows.first(), known);
    }

    /**
     * The labels that were found in rows which are not in memory.
     *
     * @param found all of them
     * @param some rows, one at least: the first one, and one of each kind
     * @param known names of the model's classes; empty for none
     * @throws DataException if one of these has no label, or all rows have the same and the model does not know it
     */
    public static Labels of(SortedSet<String> found, List<? extends Row> some, List<String> known)
            throws DataException {
        namesIn(some);
        return found(found, known, some.get(0).origin().whole());
    }

    private static Labels found(SortedSet<String> found, List<String> known, Origin origin) throws DataException {
        if (found.size() == 1 && known.size() > 1) {
            Labels models = new Labels(known);
            if (known.stream().anyMatch(found.first()::equalsIgnoreCase)
                    && models.find(found.first()).isPresent()) {
                return models;
            }
            throw origin.fault("has only one label, " + Quoted.list(found)
                    + ", which is none of those that the model tells apart, " + Quoted.list(known));
        }
        if (found.isEmpty() && known.size() > 1) {
            // texts that may have several labels, and have none
            return new Labels(known);
        }
        if (found.isEmpty()) {
            throw origin.fault("has no label in any row: there is nothing to tell apart");
        }
        if (found.size() < 2) {
            throw origin.fault("has only one label, " + Quoted.list(found) + ": there is nothing to tell apart");
        }
        List<String> names = List.copyOf(found);
        if (names.stream().allMatch(Labels::isWhole)) {
            // 1 and 01 have one value; the characters then decide, since the sort is stable
            names = names.stream().sorted(Comparator.comparing(BigInteger::new)).toList();
        }
        return new Labels(names);
    }

    /** The same in the order of some names, if these are among them. */
    public Labels inOrder(List<String> order) {
        return order.containsAll(names)
                ? new Labels(
                        order.stream().distinct().filter(indices::containsKey).toList())
                : this;
    }

    /**
     * The labels of a model, in the order of its outputs. Several may have one name, as ImageNet's two kinds of crane have: rows
     * with that name are of the first.
     */
    public static Labels ofNames(List<String> names) {
        return new Labels(names);
    }

    /** The names, with the index behind those that several classes have: {@code crane (517)}. */
    public static List<String> distinct(List<String> names) {
        Set<String> seen = new HashSet<>();
        Set<String> several = names.stream().filter(name -> !seen.add(name)).collect(Collectors.toSet());
        return IntStream.range(0, names.size())
                .mapToObj(i -> several.contains(names.get(i)) ? names.get(i) + " (" + i + ")" : names.get(i))
                .toList();
    }

    static LabeledText labeled(Row row) throws DataException {
        requireText(row);
        if (row instanceof MultiLabelText) {
            throw row.origin().fault("has a list of labels, and a classifier learns one class for each text");
        }
        if (row instanceof LabeledText labeled) {
            return labeled;
        }
        if (row instanceof TaggedWords) {
            throw row.origin()
                    .fault(
                            "holds words with a tag each, which a classifier of words learns: --task token-classification");
        }
        throw row.origin()
                .fault(
                        "has no label: a classifier needs rows with \"text\" and \"label\"; lists in \"labels\" are learnt with"
                                + " --problem-type multi_label_classification");
    }

    private static void requireText(Row row) throws DataException {
        if (row instanceof Preference) {
            throw row.origin()
                    .fault(
                            "holds two answers of which one is preferred, which a language model learns (--task causal-lm) and no"
                                    + " classifier or regression does; --problem-type ranking learns to tell which it is");
        }
        if (row instanceof JudgedAnswer) {
            throw row.origin()
                    .fault(
                            "holds an answer that is judged, which a language model learns (--task causal-lm) and no classifier"
                                    + " or regression does");
        }
        if (row instanceof RewardedPrompt) {
            throw row.origin()
                    .fault(
                            "holds a prompt whose answers a reward judges, which a language model learns (--task causal-lm) and no"
                                    + " classifier or regression does");
        }
        if (row instanceof TextMatch) {
            throw row.origin()
                    .fault(
                            "holds texts that belong together, which sentence embeddings are learnt from (--task sentence-embedding)"
                                    + " and no classifier or regression; --problem-type ranking learns to tell which do");
        }
    }

    /** @param learner who needs the label, for the message */
    static LabeledText labeled(Row row, String learner) throws DataException {
        requireText(row);
        if (row instanceof LabeledText labeled) {
            return labeled;
        }
        throw row.origin().fault("has no label: " + learner + " needs rows with \"text\" and \"label\"");
    }

    /** The names by index. */
    public List<String> names() {
        return names;
    }

    public int size() {
        return names.size();
    }

    /**
     * The index of a name, whatever its case where one name alone is meant. A whole number is an index where the names themselves are
     * no numbers: data with 0 and 1 fits a model with {@code negative} and {@code positive}. Whether numbers are so meant is known from
     * all of them: {@link #requireIndices}.
     */
    public OptionalInt find(String name) {
        Integer index = indices.get(name);
        if (index != null) {
            return OptionalInt.of(index);
        }
        int other = caseless.getOrDefault(alike(name), -1);
        if (other >= 0) {
            return OptionalInt.of(other);
        }
        return isIndex(name) ? OptionalInt.of(Integer.parseInt(name)) : OptionalInt.empty();
    }

    /** The same for names that differ by case alone, or by whether an accent is a character of its own, as in files from a Mac. */
    public static String alike(String name) {
        return Normalizer.normalize(name, Normalizer.Form.NFC).toLowerCase(Locale.ROOT);
    }

    /** Whether a name is found by its number alone. */
    public boolean isIndex(String name) {
        return !numeric && INDEX.matcher(name).matches() && Integer.parseInt(name) < names.size();
    }

    /**
     * Refuses numbers that may be none of classes: those beside names, and those of which none is 0, for others count from 1.
     *
     * @param found labels of the rows
     * @param beside labels of the rows that the model learns from, where it does
     * @param origin of the rows, or of the first that has a number
     */
    public void requireIndices(SortedSet<String> found, Set<String> beside, Origin origin) throws DataException {
        List<String> numbers = found.stream().filter(this::isIndex).toList();
        List<String> named = found.stream()
                .filter(name -> !isIndex(name) && find(name).isPresent())
                .toList();
        if (!numbers.isEmpty() && !named.isEmpty()) {
            throw origin.fault("labels are numbers, " + Quoted.list(numbers) + ", beside names, " + Quoted.list(named)
                    + ": write all of them as the model does, " + Quoted.list(names));
        }
        if (!numbers.isEmpty() && !numbers.contains("0") && !beside.contains("0")) {
            throw origin.fault("labels are numbers, " + Quoted.list(numbers)
                    + ", without a 0, from which they count here;"
                    + " whether these count from 1 is not known: write the model's names, " + Quoted.list(names));
        }
    }

    /**
     * The index of a name.
     *
     * @throws ConfigException if it is unknown; the message lists those that are known
     */
    public int index(String name) {
        return find(name).orElseThrow(() -> new ConfigException(unknown(name)));
    }

    /** Several labels, by index and in order. */
    int[] indices(MultiLabelText row) throws DataException {
        int[] found = new int[row.labels().size()];
        for (int i = 0; i < found.length; i++) {
            found[i] = index(row.labels().get(i), row.origin());
        }
        return Arrays.stream(found).sorted().distinct().toArray();
    }

    int index(LabeledText row) throws DataException {
        return index(row.label(), row.origin());
    }

    int index(String label, Origin origin) throws DataException {
        OptionalInt index = find(label);
        if (index.isEmpty()) {
            throw origin.fault(unknown(label));
        }
        return index.getAsInt();
    }

    private String unknown(String name) {
        boolean unnamed = IntStream.range(0, size()).allMatch(i -> names.get(i).equals("LABEL_" + i));
        return "label " + Quoted.text(name) + " is unknown; the labels are " + Quoted.list(names)
                + (unnamed ? ", which name nothing: write their numbers, 0 for the first" : "");
    }

    static boolean isWhole(String name) {
        return WHOLE.matcher(name).matches();
    }
}
