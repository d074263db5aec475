package org.loft4j.train;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.MatchLoss;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * How well texts are found by their anchors: each anchor among all different positives and negatives, nearest first by the cosine. All
 * that belongs to an anchor is right, the anchor's own text is left out, and what is as near as a right text but wrong comes before it.
 *
 * @param loss of {@link MatchLoss}, with all of them as candidates: mean over what belongs to the anchors
 * @param accuracyAt1 share of the anchors whose nearest text is right
 * @param recallAt10 which share of the right texts is among the nearest ten, mean over the anchors
 * @param mrrAt10 1 / place of the nearest right text, 0 beyond the tenth, mean over the anchors
 */
record RetrievalScore(double loss, double accuracyAt1, double recallAt10, double mrrAt10) {
    private static final int NEAREST = 10;

    /** Anchors that are compared at once. */
    private static final int BLOCK = 256;

    /**
     * Null if it was given up.
     *
     * @param searching vectors of the anchors by the numbers of their texts
     * @param found vectors of positives and negatives likewise
     * @param givenUp asked before some anchors
     */
    static @Nullable RetrievalScore of(
            TextMatches matches, double[][] searching, double[][] found, MatchLoss loss, BooleanSupplier givenUp) {
        Map<Integer, Set<Integer>> right = matches.right();
        int[] anchors = right.keySet().stream().mapToInt(i -> i).sorted().toArray();
        int[] corpus = Arrays.stream(matches.candidates())
                .map(i -> matches.texts()[i])
                .distinct()
                .toArray();
        int[] placeOf = new int[found.length];
        Arrays.fill(placeOf, -1);
        for (int i = 0; i < corpus.length; i++) {
            placeOf[corpus[i]] = i;
        }
        var sum = new Sum();
        try (NativeScope scope = new NativeScope()) {
            Tensor all = MatchLoss.unit(tensor(corpus, found)).t();
            for (int from = 0; from < anchors.length; from += BLOCK) {
                if (givenUp.getAsBoolean()) {
                    return null;
                }
                int[] some = Arrays.copyOfRange(anchors, from, Math.min(anchors.length, from + BLOCK));
                double[] near = similarities(some, all, searching);
                for (int i = 0; i < some.length; i++) {
                    int[] own = Objects.requireNonNull(right.get(some[i])).stream()
                            .mapToInt(text -> placeOf[text])
                            .sorted()
                            .toArray();
                    double[] row = Arrays.copyOfRange(near, i * corpus.length, (i + 1) * corpus.length);
                    sum.add(new Found(row, own, placeOf[some[i]], loss.scale()));
                }
            }
        }
        return sum.score();
    }

    /** What was found by all anchors together. */
    private static final class Sum {
        private double loss;
        private double accuracy;
        private double recall;
        private double mrr;
        private int texts;
        private int anchors;

        void add(Found found) {
            int first = Arrays.stream(found.places).min().orElseThrow();
            loss += found.loss;
            texts += found.places.length;
            anchors++;
            accuracy += first == 1 ? 1 : 0;
            mrr += first <= NEAREST ? 1.0 / first : 0;
            recall += Arrays.stream(found.places)
                            .filter(place -> place <= NEAREST)
                            .count()
                    / (double) found.places.length;
        }

        RetrievalScore score() {
            return new RetrievalScore(loss / texts, accuracy / anchors, recall / anchors, mrr / anchors);
        }
    }

    /** What one anchor finds: the places of the right texts, from 1, and their losses together. */
    private static final class Found {
        private final int[] places;
        private final double loss;

        /**
         * @param near the cosine of each text
         * @param right which of the texts are, in order
         * @param itself which of them is the anchor's own; below 0 for none
         */
        Found(double[] near, int[] right, int itself, double scale) {
            places = new int[right.length];
            boolean[] wrong = new boolean[near.length];
            Arrays.fill(wrong, true);
            Arrays.stream(right).forEach(j -> wrong[j] = false);
            double nearest = Double.NEGATIVE_INFINITY;
            for (int j = 0; j < near.length; j++) {
                wrong[j] &= j != itself;
                nearest = wrong[j] ? Math.max(nearest, near[j]) : nearest;
            }
            // beside that of the nearest wrong one, which is 1
            double exponentials = 0;
            for (int j = 0; j < near.length; j++) {
                if (wrong[j]) {
                    exponentials += Math.exp(scale * (near[j] - nearest));
                    for (int i = 0; i < right.length; i++) {
                        // what is no number is not below anything
                        places[i] += near[j] < near[right[i]] ? 0 : 1;
                    }
                }
            }
            double sum = 0;
            for (int i = 0; i < right.length; i++) {
                double own = near[right[i]];
                places[i]++;
                for (int j = 0; j < right.length; j++) {
                    places[i] += near[right[j]] > own || (near[right[j]] == own && j < i) ? 1 : 0;
                }
                double score = scale * (own - nearest);
                sum += score > 0
                        ? Math.log1p(exponentials * Math.exp(-score))
                        : Math.log(Math.exp(score) + exponentials) - score;
            }
            loss = sum;
        }
    }

    private static double[] similarities(int[] anchors, Tensor corpus, double[][] vectors) {
        try (NativeScope scope = new NativeScope()) {
            return Tensors.toDoubles(MatchLoss.unit(tensor(anchors, vectors)).matmul(corpus));
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
