package org.loft4j.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.nn.MatchLoss;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * How well texts are found by their anchors: each anchor among all positives and negatives, nearest first by the cosine. All that
 * belongs to an anchor is right, the anchor's own text is left out, and what is as near as a right text but wrong comes before it.
 *
 * @param accuracyAt1 share of the anchors whose nearest text is right
 * @param recallAt10 which share of the right texts is among the nearest ten, mean over the anchors
 * @param mrrAt10 1 / place of the nearest right text, 0 beyond the tenth, mean over the anchors
 */
record RetrievalScore(double accuracyAt1, double recallAt10, double mrrAt10) {
    private static final int NEAREST = 10;

    /** Anchors that are compared at once. */
    private static final int BLOCK = 256;

    /** @param vectors of each text by its number; those of texts that are compared are read */
    static RetrievalScore of(TextMatches matches, double[][] vectors) {
        List<Map.Entry<Integer, Set<Integer>>> anchors =
                new ArrayList<>(matches.right().entrySet());
        int[] corpus = Arrays.stream(matches.candidates())
                .map(i -> matches.texts()[i])
                .distinct()
                .toArray();
        double accuracy = 0;
        double recall = 0;
        double mrr = 0;
        for (int from = 0; from < anchors.size(); from += BLOCK) {
            List<Map.Entry<Integer, Set<Integer>>> some = anchors.subList(from, Math.min(anchors.size(), from + BLOCK));
            int[] asked = some.stream().mapToInt(Map.Entry::getKey).toArray();
            double[] near = similarities(asked, corpus, vectors);
            for (int i = 0; i < asked.length; i++) {
                List<Integer> places = places(
                        near, i * corpus.length, corpus, asked[i], some.get(i).getValue());
                int first = places.stream().mapToInt(place -> place).min().orElseThrow();
                accuracy += first == 1 ? 1 : 0;
                mrr += first <= NEAREST ? 1.0 / first : 0;
                recall += (double) places.stream()
                                .filter(place -> place <= NEAREST)
                                .count()
                        / places.size();
            }
        }
        return new RetrievalScore(accuracy / anchors.size(), recall / anchors.size(), mrr / anchors.size());
    }

    /** The places of the right texts, from 1. */
    private static List<Integer> places(double[] near, int from, int[] corpus, int anchor, Set<Integer> right) {
        List<Integer> places = new ArrayList<>();
        for (int of = 0; of < corpus.length; of++) {
            if (!right.contains(corpus[of])) {
                continue;
            }
            double own = near[from + of];
            int place = 1;
            for (int j = 0; j < corpus.length; j++) {
                boolean before = right.contains(corpus[j])
                        ? near[from + j] > own || (near[from + j] == own && j < of)
                        // what is no number is not below anything
                        : corpus[j] != anchor && !(near[from + j] < own);
                place += j != of && before ? 1 : 0;
            }
            places.add(place);
        }
        return places;
    }

    private static double[] similarities(int[] anchors, int[] corpus, double[][] vectors) {
        try (NativeScope scope = new NativeScope()) {
            return Tensors.toDoubles(MatchLoss.similarities(tensor(anchors, vectors), tensor(corpus, vectors)));
        }
    }

    private static Tensor tensor(int[] texts, double[][] vectors) {
        int hidden = vectors[texts[0]].length;
        double[] values = new double[Math.multiplyExact(texts.length, hidden)];
        for (int i = 0; i < texts.length; i++) {
            System.arraycopy(vectors[texts[i]], 0, values, i * hidden, hidden);
        }
        return Tensors.of(values, texts.length, hidden);
    }

    Map<String, Double> scores() {
        Map<String, Double> scores = new LinkedHashMap<>();
        scores.put("accuracy_at_1", accuracyAt1);
        scores.put("recall_at_10", recallAt10);
        scores.put("mrr_at_10", mrrAt10);
        return scores;
    }
}
