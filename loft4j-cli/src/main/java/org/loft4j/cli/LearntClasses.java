package org.loft4j.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.data.LabeledText;
import org.loft4j.data.Labels;
import org.loft4j.data.MultiLabelText;
import org.loft4j.data.Origin;
import org.loft4j.data.Row;
import org.loft4j.data.Scores;
import org.loft4j.data.image.LabeledImages;
import org.loft4j.model.Models;
import org.loft4j.nn.Task;

/**
 * The classes that a training learns, and what becomes of those that its model tells apart already.
 *
 * @param labels by index
 * @param anew whether the layer that tells the classes apart is drawn anew, since it was trained for as many others
 * @param told what there is to say of it; empty where the model's classes are those of the data, or it has none of its own
 */
record LearntClasses(Labels labels, boolean anew, String told) {
    /** Rows of which it is told that they are all alike. */
    private static final int ENOUGH = 10;

    /**
     * The model's classes stay as they are where the data has no others, whatever the case of the names, and where it numbers all of
     * them from 0 on. LABEL_0, LABEL_1 … say nothing of what a class is.
     *
     * @param own those of the data
     * @param named the names that the data gives to numbers; empty where it gives none
     * @param modelLabels those of the model; empty where it has none
     */
    static LearntClasses of(Labels own, List<String> named, List<String> modelLabels) {
        LearntClasses learnt = among(own, named, modelLabels);
        String alike =
                learnt.labels().names().equals(own.names()) && !own.names().equals(modelLabels)
                        ? byCaseAlone(own.names())
                        : "";
        String told = Stream.of(learnt.told(), alike)
                .filter(words -> !words.isEmpty())
                .collect(Collectors.joining("; "));
        return new LearntClasses(learnt.labels(), learnt.anew(), told);
    }

    /** The labels that would be one if case did not count; empty if there are none. A model that has such means two. */
    private static String byCaseAlone(List<String> labels) {
        List<String> alike = labels.stream()
                .collect(Collectors.groupingBy(Labels::alike, TreeMap::new, Collectors.toList()))
                .values()
                .stream()
                .filter(group -> group.size() > 1)
                .flatMap(List::stream)
                .toList();
        return alike.isEmpty()
                ? ""
                : "the labels " + some(alike)
                        + " differ by case, or by how an accent is written, alone, and each is learnt as one of its own:"
                        + " write them alike if they are one";
    }

    private static LearntClasses among(Labels own, List<String> named, List<String> modelLabels) {
        List<String> names = named(modelLabels, named);
        // what was learnt by number, before the names were read
        return names.equals(modelLabels) || !names.containsAll(own.names())
                ? among(own, modelLabels)
                : new LearntClasses(Labels.ofNames(names), false, "");
    }

    /** The classes of a model; empty where they have no names, so that no label can be known to be one of them. */
    static List<String> byName(List<String> modelLabels) {
        return modelLabels.equals(Models.unnamedLabels(modelLabels.size())) ? List.of() : modelLabels;
    }

    /** The classes of a model; where these are numbers alone, the names that data gives to as many. */
    static List<String> named(List<String> modelLabels, List<String> classes) {
        List<String> numbers = IntStream.range(0, modelLabels.size())
                .mapToObj(Integer::toString)
                .toList();
        boolean unnamed = modelLabels.equals(numbers) || modelLabels.equals(Models.unnamedLabels(modelLabels.size()));
        return unnamed && classes.size() == modelLabels.size() && classes.size() > 1 ? classes : modelLabels;
    }

    private static LearntClasses among(Labels own, List<String> modelLabels) {
        if (modelLabels.size() < 2 || modelLabels.containsAll(own.names())) {
            return new LearntClasses(modelLabels.size() < 2 ? own : Labels.ofNames(modelLabels), false, "");
        }
        if (modelLabels.equals(Models.unnamedLabels(modelLabels.size()))) {
            return new LearntClasses(own, false, "");
        }
        Labels known = Labels.ofNames(modelLabels);
        boolean asMany = own.size() == known.size();
        List<OptionalInt> places = own.names().stream().map(known::find).toList();
        long numbers = own.names().stream().filter(known::isIndex).count();
        boolean all = places.stream().allMatch(OptionalInt::isPresent)
                && places.stream().distinct().count() == places.size()
                // numbers beside names are no places among these
                && (numbers == 0 || numbers == own.size());
        boolean named = all
                && own.names().stream()
                        .allMatch(name -> Labels.alike(known.names().get(known.index(name)))
                                .equals(Labels.alike(name)));
        if (named) {
            return new LearntClasses(known, false, "");
        }
        if (all && asMany) {
            return new LearntClasses(known, false, byNumber(own.names(), known));
        }
        return new LearntClasses(
                own,
                asMany,
                asMany
                        ? "the model tells " + some(known.names()) + " apart, and the data " + some(own.names())
                                + ": the layer that does it starts from random numbers; to go on with the model's, name the labels"
                                + " as it does"
                        : "");
    }

    private static String byNumber(List<String> own, Labels known) {
        return "the labels " + some(own) + " are taken for the model's " + some(known.names()) + ", by number";
    }

    /**
     * Refuses numbers among labels of held-out rows that may be none of classes; in words what the others are taken for, empty where there
     * are none.
     *
     * @param found labels of the rows
     * @param learnt labels of the rows to learn from, of which it is told already; empty where nothing is learnt
     * @param origin of the rows
     */
    static String ofHeldOut(Labels known, SortedSet<String> found, Set<String> learnt, Origin origin)
            throws DataException {
        known.requireIndices(found, learnt, origin);
        List<String> numbers = found.stream().filter(known::isIndex).toList();
        return numbers.isEmpty() || learnt.containsAll(numbers) ? "" : byNumber(numbers, known);
    }

    /** The classes of a model that is judged by rows, whose numbers are told. */
    static Labels judged(LoadedModel loaded, List<String> classes, List<Row> rows, LabelFlags flags, PrintWriter err)
            throws DataException {
        Labels labels = Labels.ofNames(named(loaded.model().description().labels(), classes));
        flags.requireAll(labels);
        tell(ofHeldOut(labels, Labels.namesAmong(rows), Set.of(), ofNumbers(labels, rows)), err);
        return labels;
    }

    /** The same of a model that is judged by images. */
    static Labels judged(
            LoadedModel loaded,
            LabeledImages images,
            ImageFlags chosen,
            Origin origin,
            LabelFlags flags,
            PrintWriter err)
            throws DataException {
        Labels labels = Labels.ofNames(loaded.model().description().labels());
        flags.requireAll(labels);
        tell(ofHeldOut(labels, Labels.namesIn(images), chosen.besideChosen(Set.of()), origin), err);
        return labels;
    }

    private static void tell(String told, PrintWriter err) {
        if (!told.isEmpty()) {
            err.println("loft: " + told);
        }
    }

    /** The same of the rows of a test, which are judged after the others have been learnt. */
    static void tellOfTest(TrainingRows rows, @Nullable List<Row> test, PrintWriter err) throws DataException {
        LearntClasses classes = rows.classes();
        if (classes != null && test != null) {
            SortedSet<String> learnt = Labels.namesAmong(rows.train());
            String told = ofHeldOut(classes.labels, Labels.namesAmong(test), learnt, ofNumbers(classes.labels, test));
            tell(told.isEmpty() ? "" : "of the test rows " + told, err);
        }
    }

    /** Where the first row with a number for a class is; of rows without one, the first. */
    static Origin ofNumbers(Labels known, List<Row> rows) {
        return rows.stream()
                .filter(row -> Labels.namesAmong(List.of(row)).stream().anyMatch(known::isIndex))
                .findFirst()
                .orElse(rows.get(0))
                .origin();
    }

    /** The same of rows held out from a training, behind what else is told of its rows. */
    String ofHeldOut(List<Row> heldOut, Set<String> learnt) throws DataException {
        String told = ofHeldOut(labels, Labels.namesAmong(heldOut), learnt, ofNumbers(labels, heldOut));
        return told.isEmpty() ? "" : "; of the held-out rows " + told;
    }

    /**
     * What is said of labels that are numbers with decimals, which are seldom meant as classes; empty of others. Spreadsheets write decimals
     * behind a comma, which may as well stand between two labels.
     */
    static String numbers(List<String> labels) {
        List<String> points =
                labels.stream().map(label -> label.replace(',', '.')).toList();
        if (!points.stream().allMatch(Scores::isNumber)
                || points.stream().noneMatch(label -> label.indexOf('.') >= 0)) {
            return "";
        }
        String learnt = ", and are learnt as " + labels.size() + " classes; ";
        return points.equals(labels)
                ? "the labels are numbers" + learnt + "--problem-type regression learns them as numbers"
                : "the labels look like numbers" + learnt
                        + "where they are, write decimals with a point, and --problem-type regression learns them as numbers;"
                        + " where a comma stands between several labels of a text, --problem-type multi_label_classification"
                        + " --label-separator \",\" tells them apart";
    }

    /**
     * What is to be told of the labels of rows to learn from, behind what else is told of them; empty where it is nothing.
     *
     * @param found labels of the rows
     */
    String ofRows(LearntTask learnt, Set<String> found, long rows) {
        if (learnt.multiLabel()) {
            return TrainingRows.several(labels, "a text");
        }
        String doubted = learnt.task() == Task.SEQUENCE_CLASSIFICATION ? doubted(found.size(), rows) : "";
        return TrainingRows.alone(found) + (doubted.isEmpty() ? "" : "; " + doubted);
    }

    /** Where few rows have a label in common, it is rather a number of theirs, or the text; in words, empty where many have. */
    static String doubted(int labels, long rows) {
        return labels < 2 || labels <= rows / 2
                ? ""
                : labels + " labels in so few rows teach little: is it the right --label-column?";
    }

    /** Says of rows with labels that a language model learns their texts alone, where nobody has asked for that. */
    static void tellOfRows(Task task, @Nullable Task asked, List<Row> rows, PrintWriter err) {
        if (asked == null && task == Task.CAUSAL_LM && !rows.isEmpty() && rows.get(0) instanceof LabeledText) {
            err.println("loft: the labels are not learnt, for a language model learns texts alone;"
                    + " --task sequence-classification learns them");
        }
    }

    /** What is said of labels of which a text may have several, and all rows have all; empty where some have not. */
    static String everywhere(Map<String, Long> counts, long rows) {
        boolean everywhere =
                counts.size() > 1 && rows >= ENOUGH && counts.values().stream().allMatch(count -> count == rows);
        return everywhere
                ? "every row has every label (" + some(List.copyOf(counts.keySet()))
                        + "), so that there is nothing to tell apart; flags for all labels are read from columns of their own"
                        + " (--label-columns)"
                : "";
    }

    /** How many rows have each label. */
    static Map<String, Long> counts(List<Row> rows) {
        return rows.stream()
                .filter(MultiLabelText.class::isInstance)
                .flatMap(row -> ((MultiLabelText) row).labels().stream())
                .collect(Collectors.groupingBy(label -> label, TreeMap::new, Collectors.counting()));
    }

    /** The first of some labels, in words. */
    static String some(List<String> labels) {
        return TrainingRows.some(labels) + (labels.size() > TrainingRows.SHOWN ? " (" + labels.size() + ")" : "");
    }
}
