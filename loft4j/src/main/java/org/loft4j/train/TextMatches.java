package org.loft4j.train;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.MatchedTexts;
import org.loft4j.nn.MatchLoss;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/**
 * The texts of some examples as anchors and as what all of these are compared with: every positive and every negative. What has the
 * text of the anchor, or of a positive of it, be it that of another example, is no negative of it.
 *
 * @param texts a number for each text: where it is met first
 * @param anchors where they are among the texts
 * @param candidates where those are
 * @param positives for each anchor which of the candidates belongs to it
 */
record TextMatches(int[] texts, int[] anchors, int[] candidates, int[] positives) {
    /** Anchors that are compared at once: their scores and what autograd keeps of them are all that is large. */
    private static final int BLOCK = 256;

    /** One of a dataset, which is itself and equal to no other. */
    private record Example(MatchDataset source, int number) {}

    /** @param parts of the same examples, and all of their texts, in any order */
    static TextMatches of(List<MatchedTexts> parts) {
        List<IntBuffer> keys =
                parts.stream().flatMap(part -> part.texts().stream()).toList();
        Map<IntBuffer, Integer> known = new HashMap<>();
        int[] texts = IntStream.range(0, keys.size())
                .map(i -> known.computeIfAbsent(keys.get(i), key -> i))
                .toArray();
        int[] roles =
                parts.stream().flatMapToInt(part -> Arrays.stream(part.roles())).toArray();
        List<Example> examples = parts.stream()
                .flatMap(part -> Arrays.stream(part.examples()).mapToObj(number -> new Example(part.source(), number)))
                .toList();
        List<Integer> anchors = new ArrayList<>();
        List<Integer> candidates = new ArrayList<>();
        Map<Example, Integer> positiveOf = new HashMap<>();
        for (int i = 0; i < roles.length; i++) {
            if (roles[i] == MatchDataset.ANCHOR) {
                anchors.add(i);
                continue;
            }
            if (roles[i] == MatchDataset.POSITIVE) {
                positiveOf.put(examples.get(i), candidates.size());
            }
            candidates.add(i);
        }
        int[] positives = anchors.stream()
                .mapToInt(anchor -> {
                    Integer positive = positiveOf.get(examples.get(anchor));
                    if (positive == null) {
                        throw new IllegalArgumentException(
                                "example " + examples.get(anchor).number()
                                        + " has an anchor and no positive: both must be in the batches of a step");
                    }
                    return positive;
                })
                .toArray();
        return new TextMatches(texts, ints(anchors), ints(candidates), positives);
    }

    private static int[] ints(List<Integer> numbers) {
        return numbers.stream().mapToInt(i -> i).toArray();
    }

    /** By the number of an anchor's text all texts that belong to it. */
    Map<Integer, Set<Integer>> right() {
        Map<Integer, Set<Integer>> right = new HashMap<>();
        for (int i = 0; i < anchors.length; i++) {
            right.computeIfAbsent(texts[anchors[i]], text -> new HashSet<>()).add(texts[candidates[positives[i]]]);
        }
        return right;
    }

    /**
     * The loss of all anchors together, whose gradient the vectors get.
     *
     * @param vectors one for each text, {@code (texts, hidden)}; they ask for a gradient
     */
    double sum(MatchLoss loss, Tensor vectors) {
        Map<Integer, Set<Integer>> right = right();
        double sum = 0;
        for (int from = 0; from < anchors.length; from += BLOCK) {
            int to = Math.min(anchors.length, from + BLOCK);
            try (NativeScope scope = new NativeScope()) {
                Tensor some = loss.sum(
                        vectors.index_select(0, longs(Arrays.copyOfRange(anchors, from, to))),
                        vectors.index_select(0, longs(candidates)),
                        longs(Arrays.copyOfRange(positives, from, to)),
                        hidden(from, to, right));
                some.backward();
                sum += some.item_double();
            }
        }
        return sum;
    }

    private Tensor hidden(int from, int to, Map<Integer, Set<Integer>> right) {
        double[] hidden = new double[(to - from) * candidates.length];
        for (int i = from; i < to; i++) {
            int anchor = texts[anchors[i]];
            Set<Integer> belong = right.getOrDefault(anchor, Set.of());
            for (int j = 0; j < candidates.length; j++) {
                int text = texts[candidates[j]];
                if (j != positives[i] && (text == anchor || belong.contains(text))) {
                    hidden[(i - from) * candidates.length + j] = Double.NEGATIVE_INFINITY;
                }
            }
        }
        return Tensors.of(hidden, to - from, candidates.length);
    }

    private static Tensor longs(int[] numbers) {
        return Tensors.of(Arrays.stream(numbers).asLongStream().toArray(), numbers.length);
    }

    /** Of some places among the texts those where a text is met first, in order. */
    int[] distinct(int... places) {
        Set<Integer> seen = new HashSet<>();
        return Arrays.stream(places).filter(place -> seen.add(texts[place])).toArray();
    }
}
