package org.loft4j.data;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.loft4j.ConfigException;

/**
 * Rows parted into folds of about the same size, each of which is held out once while the others are learnt: cross-validation.
 * Classes are parted in their proportions, other rows by chance. Rows with the same text are in one fold, and which one depends on
 * the texts, their labels and the seed, not on the order of the rows.
 *
 * @param parts the folds, each in the order of the rows
 */
public record Folds(List<List<Row>> parts) {
    /** The fewest. */
    public static final int FEWEST = 2;

    public Folds {
        parts = parts.stream().map(List::copyOf).toList();
    }

    /**
     * Parts rows.
     *
     * @param folds how many there are
     * @param classes whether labels are classes, which are parted in their proportions
     * @throws ConfigException if there are fewer than two, or fewer different texts than folds
     */
    public static Folds of(List<? extends Row> rows, int folds, long seed, boolean classes) {
        requireEnough(folds);
        // which of the same rows comes first must not tell
        Map<String, List<Row>> byText = new TreeMap<>();
        for (Row row : rows) {
            byText.computeIfAbsent(RowText.identity(row), text -> new ArrayList<>())
                    .add(row);
        }
        if (byText.size() < folds) {
            throw new ConfigException("folds must be at most the number of rows with different texts, " + byText.size()
                    + ", got " + folds + ": take fewer folds, or more rows");
        }
        record Placed(double position, String stratum, String text, List<Row> rows) {}
        List<Placed> order = new ArrayList<>();
        byText.forEach((text, same) -> order.add(new Placed(
                TrainTestSplit.position(text.getBytes(StandardCharsets.UTF_8), seed),
                classes ? stratum(same) : "",
                text,
                same)));
        order.sort(Comparator.comparing(Placed::stratum)
                .thenComparingDouble(Placed::position)
                .thenComparing(Placed::text));
        Map<String, Integer> foldOf = new HashMap<>();
        int[] sizes = new int[folds];
        int[] ofStratum = new int[folds];
        String stratum = "";
        for (Placed next : order) {
            if (!next.stratum().equals(stratum)) {
                stratum = next.stratum();
                ofStratum = new int[folds];
            }
            int fold = fewest(ofStratum, sizes);
            ofStratum[fold] += next.rows().size();
            sizes[fold] += next.rows().size();
            foldOf.put(next.text(), fold);
        }
        List<List<Row>> parts = new ArrayList<>();
        for (int fold = 0; fold < folds; fold++) {
            parts.add(new ArrayList<>());
        }
        for (Row row : rows) {
            parts.get(foldOf.getOrDefault(RowText.identity(row), 0)).add(row);
        }
        return new Folds(parts);
    }

    /** @throws ConfigException if there are fewer than two */
    public static int requireEnough(int folds) {
        if (folds < FEWEST) {
            throw new ConfigException("folds must be at least " + FEWEST + ", got " + folds
                    + ": each is held out once while the others are learnt");
        }
        return folds;
    }

    /** How many there are. */
    public int count() {
        return parts.size();
    }

    /** The rows of a fold, from 0. */
    public List<Row> heldOut(int fold) {
        return parts.get(fold);
    }

    /** The rows of all other folds. */
    public List<Row> learnt(int fold) {
        List<Row> others = new ArrayList<>();
        for (int i = 0; i < parts.size(); i++) {
            if (i != fold) {
                others.addAll(parts.get(i));
            }
        }
        return others;
    }

    /** Where the fewest of the class are; of several the smallest. */
    private static int fewest(int[] ofStratum, int[] sizes) {
        int best = 0;
        for (int fold = 1; fold < sizes.length; fold++) {
            boolean fewer = ofStratum[fold] < ofStratum[best];
            if (fewer || (ofStratum[fold] == ofStratum[best] && sizes[fold] < sizes[best])) {
                best = fold;
            }
        }
        return best;
    }

    /** The class of rows with one text, that of most of them; empty where rows have none. */
    private static String stratum(List<Row> same) {
        Map<String, Integer> counts = new TreeMap<>();
        for (Row row : same) {
            if (row instanceof LabeledText labeled) {
                counts.merge(labeled.label(), 1, Integer::sum);
            }
        }
        return counts.entrySet().stream()
                .max(Map.Entry.<String, Integer>comparingByValue()
                        .thenComparing(Map.Entry.comparingByKey(Comparator.reverseOrder())))
                .map(Map.Entry::getKey)
                .orElse("");
    }

    /** How many rows the largest has. */
    public int largest() {
        return parts.stream().mapToInt(List::size).max().orElse(0);
    }

    /** In how many different texts, which are what is parted, each label is, of rows that may have several too; nothing of others. */
    public static Map<String, Integer> labelCounts(List<? extends Row> rows) {
        Map<String, Set<String>> texts = new TreeMap<>();
        for (Row row : rows) {
            String text = RowText.identity(row);
            labels(row)
                    .forEach(label ->
                            texts.computeIfAbsent(label, key -> new HashSet<>()).add(text));
        }
        Map<String, Integer> counts = new LinkedHashMap<>();
        texts.forEach((label, own) -> counts.put(label, own.size()));
        return counts;
    }

    private static List<String> labels(Row row) {
        if (row instanceof LabeledText labeled) {
            return List.of(labeled.label());
        }
        if (row instanceof MultiLabelText several) {
            return several.labels();
        }
        return row instanceof TaggedWords tagged ? tagged.tags() : List.of();
    }
}
