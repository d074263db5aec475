package org.loft4j.nn;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/**
 * How well an anchor a is told to belong to its positive p among all candidates c (Henderson et al. 2017, arXiv:1705.00652, section
 * 4; InfoNCE of van den Oord et al. 2018, arXiv:1807.03748, equation 4; MultipleNegativesRankingLoss of sentence-transformers):
 *
 * <pre>  −log( exp(s·cos(a, p)) / Σ_c exp(s·cos(a, c)) )</pre>
 *
 * <p>Where vectors shall be of use by their first numbers alone, it is the sum of this over several lengths to which they are cut
 * (Kusupati et al. 2022, arXiv:2205.13147, equation 1 with all weights 1; MatryoshkaLoss of sentence-transformers).
 *
 * @param scale s, above 0: the inverse of a temperature
 * @param lengths how many of the numbers count, each above 0 and once; empty for all of them
 */
public record MatchLoss(double scale, List<Integer> lengths) {
    /** s where nothing else is asked for; that of sentence-transformers too. */
    public static final double SCALE = 20;

    /** Of whole vectors, with {@link #SCALE}. */
    public static final MatchLoss USUAL = new MatchLoss(SCALE);

    /** The key of {@link #lengths} in the record of a run. */
    public static final String MATRYOSHKA = "matryoshka_dims";

    /** Below it a vector has no direction. */
    private static final double SHORTEST = 1e-12;

    public MatchLoss {
        lengths = List.copyOf(lengths);
        List<String> problems = new ArrayList<>();
        Checks.collect(problems, () -> Checks.positive("similarity_scale", scale));
        for (int length : lengths) {
            Checks.collect(problems, () -> Checks.atLeast(MATRYOSHKA, length, 1));
        }
        if (new HashSet<>(lengths).size() < lengths.size()) {
            problems.add(MATRYOSHKA + " must each be there once, got " + lengths);
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    /** Of whole vectors. */
    public MatchLoss(double scale) {
        this(scale, List.of());
    }

    public MatchLoss withScale(double value) {
        return new MatchLoss(value, lengths);
    }

    public MatchLoss withLengths(List<Integer> value) {
        return new MatchLoss(scale, value);
    }

    /** The settings by name, for the record of a run. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("similarity_scale", scale);
        map.put(MATRYOSHKA, lengths.isEmpty() ? "none" : lengths.toString());
        return map;
    }

    /**
     * The sum over the anchors.
     *
     * @param anchors vectors {@code (anchors, hidden)}, in float32 at least
     * @param candidates vectors {@code (candidates, hidden)}
     * @param positives int64 {@code (anchors)}: which candidate belongs to each
     * @param hidden added to the scores, {@code (anchors, candidates)}: −∞ where a candidate is not to be told from the positive, else 0
     */
    public Tensor sum(Tensor anchors, Tensor candidates, Tensor positives, Tensor hidden) {
        if (lengths.isEmpty()) {
            return one(anchors, candidates, positives, hidden);
        }
        Tensor sum = null;
        for (int length : lengths) {
            Tensor some = one(anchors.narrow(1, 0, length), candidates.narrow(1, 0, length), positives, hidden);
            sum = sum == null ? some : sum.add(some);
        }
        return Objects.requireNonNull(sum);
    }

    private Tensor one(Tensor anchors, Tensor candidates, Tensor positives, Tensor hidden) {
        Tensor scores = similarities(anchors, candidates).mul(new Scalar(scale)).add(hidden);
        return scores.log_softmax(1, new ScalarTypeOptional())
                .gather(1, positives.unsqueeze(1))
                .sum()
                .neg();
    }

    private static Tensor similarities(Tensor anchors, Tensor candidates) {
        return unit(anchors).matmul(unit(candidates).t());
    }

    /** The vectors {@code (texts, hidden)} brought to length 1. */
    public static Tensor unit(Tensor vectors) {
        Tensor lengths = vectors.norm(new ScalarOptional(new Scalar(2)), new long[] {1}, true);
        return vectors.div(lengths.clamp_min(new Scalar(SHORTEST)));
    }
}
