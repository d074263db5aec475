package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;

/**
 * How well an anchor a is told to belong to its positive p among all candidates c (Henderson et al. 2017, arXiv:1705.00652, section
 * 4; InfoNCE of van den Oord et al. 2018, arXiv:1807.03748, equation 4; MultipleNegativesRankingLoss of sentence-transformers):
 *
 * <pre>  −log( exp(s·cos(a, p)) / Σ_c exp(s·cos(a, c)) )</pre>
 *
 * @param scale s, above 0: the inverse of a temperature
 */
public record MatchLoss(double scale) {
    /** Below it a vector has no direction. */
    private static final double SHORTEST = 1e-12;

    public MatchLoss {
        Checks.positive("similarity_scale", scale);
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
