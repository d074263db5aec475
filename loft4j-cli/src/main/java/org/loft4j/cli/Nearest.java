package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.PriorityQueue;
import org.loft4j.cli.AskedTexts.Asked;
import org.loft4j.infer.TextEmbedder;
import org.loft4j.io.Json;

/** The texts that are nearest to one, of all that are shown to it: those whose vectors make the smallest angles with its own. */
final class Nearest {
    private final String query;
    private final float[] vector;
    private final int count;
    /** The farthest of them first; of two as near the later one. */
    private final PriorityQueue<Near> found = new PriorityQueue<>(
            Comparator.comparingDouble(Near::score).thenComparing(Near::number, Comparator.reverseOrder()));

    private long shown;

    /** @param number in the order of the texts */
    private record Near(double score, long number, String text) {}

    Nearest(String query, float[] vector, int count) {
        this.query = query;
        this.vector = vector;
        this.count = count;
    }

    void add(List<Asked> texts, List<float[]> vectors) {
        for (int i = 0; i < texts.size(); i++) {
            found.add(new Near(
                    TextEmbedder.cosine(vector, vectors.get(i)),
                    shown++,
                    texts.get(i).text()));
            if (found.size() > count) {
                found.remove();
            }
        }
    }

    private List<Near> nearestFirst() {
        List<Near> sorted = new ArrayList<>(found);
        sorted.sort(Comparator.comparingDouble(Near::score).reversed().thenComparing(Near::number));
        return sorted;
    }

    static void print(List<Nearest> all, PrintWriter out, boolean json) throws IOException {
        List<Object> trees = new ArrayList<>();
        for (Nearest one : all) {
            if (!json && all.size() > 1) {
                out.println("# " + PredictCommand.field(one.query));
            }
            List<Object> nearest = new ArrayList<>();
            for (Near near : one.nearestFirst()) {
                if (!json) {
                    out.println(String.format(Locale.ROOT, "%.4f", near.score()) + "\t"
                            + PredictCommand.field(near.text()));
                }
                Map<String, Object> each = new LinkedHashMap<>();
                each.put("score", near.score());
                each.put("text", near.text());
                nearest.add(each);
            }
            Map<String, Object> tree = new LinkedHashMap<>();
            tree.put("query", one.query);
            tree.put("nearest", nearest);
            trees.add(tree);
        }
        if (json) {
            out.println(Json.text(Map.of("queries", trees)));
        }
    }
}
