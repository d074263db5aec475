package org.loft4j.cli.ui;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Lines of figures, and of very many those that a curve needs: of each stretch the ones with the least and the largest of every
 * figure, and with one that is no number. Stretches are of one length, which doubles as lines come.
 */
final class ThinnedLines {
    private final int most;
    private final List<Line> kept = new ArrayList<>();
    private long count;
    private long stretch = 1;

    private record Line(long place, JsonNode figures) {}

    /** @param most lines that are kept */
    ThinnedLines(int most) {
        this.most = most;
    }

    void add(JsonNode figures) {
        kept.add(new Line(count++, figures));
        if (kept.size() > most) {
            thin();
            // room for those that come, or every one of them would thin again
            while (kept.size() > most / 4 * 3 && stretch < count) {
                stretch *= 2;
                thin();
            }
        }
    }

    List<JsonNode> lines() {
        thin();
        return kept.stream().map(Line::figures).toList();
    }

    /** How many were added. */
    long count() {
        return count;
    }

    private void thin() {
        if (stretch == 1) {
            return;
        }
        BitSet needed = new BitSet();
        for (int from = 0; from < kept.size(); ) {
            int to = from;
            long number = kept.get(from).place() / stretch;
            while (to < kept.size() && kept.get(to).place() / stretch == number) {
                to++;
            }
            choose(from, to, needed);
            from = to;
        }
        List<Line> chosen = needed.stream().mapToObj(kept::get).toList();
        kept.clear();
        kept.addAll(chosen);
    }

    private void choose(int from, int to, BitSet needed) {
        Map<String, Integer> least = new HashMap<>();
        Map<String, Integer> largest = new HashMap<>();
        Map<String, Integer> none = new HashMap<>();
        for (int i = from; i < to; i++) {
            int at = i;
            kept.get(i).figures().properties().forEach(figure -> {
                String key = figure.getKey();
                if (figure.getValue().isNumber()) {
                    double value = figure.getValue().asDouble();
                    least.merge(key, at, (old, now) -> value < figure(old, key) ? now : old);
                    largest.merge(key, at, (old, now) -> value > figure(old, key) ? now : old);
                } else {
                    none.putIfAbsent(key, at);
                }
            });
        }
        for (Map<String, Integer> places : List.of(least, largest, none)) {
            places.values().forEach(needed::set);
        }
    }

    private double figure(int at, String key) {
        return kept.get(at).figures().path(key).asDouble();
    }
}
