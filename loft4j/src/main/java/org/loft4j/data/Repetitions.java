package org.loft4j.data;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Rows that ask what another row has asked already.
 *
 * @param same those with the same answer: exact duplicates
 * @param other those with another answer
 */
public record Repetitions(List<Pair> same, List<Pair> other) {
    /**
     * A row and the one that it repeats.
     *
     * @param row the later one
     * @param first the one before
     */
    public record Pair(Origin row, Origin first) {}

    public Repetitions {
        same = List.copyOf(same);
        other = List.copyOf(other);
    }

    /** Rows of one set that repeat a row before them. */
    public static Repetitions within(List<? extends Row> rows) {
        return find(rows, new HashMap<>(), true);
    }

    /** Held-out rows that are among the training rows: what is judged by them has been learnt. */
    public static Repetitions across(List<? extends Row> training, List<? extends Row> heldOut) {
        Map<String, Map<String, Origin>> known = new HashMap<>();
        find(training, known, true);
        return find(heldOut, known, false);
    }

    private static Repetitions find(
            List<? extends Row> rows, Map<String, Map<String, Origin>> known, boolean remembers) {
        List<Pair> same = new ArrayList<>();
        List<Pair> other = new ArrayList<>();
        for (Row row : rows) {
            Map<String, Origin> answers = known.get(RowText.question(row));
            if (answers != null) {
                Origin twin = answers.get(RowText.answer(row));
                Origin first = answers.values().iterator().next();
                (twin == null ? other : same).add(new Pair(row.origin(), twin == null ? first : twin));
            }
            if (remembers) {
                known.computeIfAbsent(RowText.question(row), question -> new LinkedHashMap<>(2))
                        .putIfAbsent(RowText.answer(row), row.origin());
            }
        }
        return new Repetitions(same, other);
    }
}
