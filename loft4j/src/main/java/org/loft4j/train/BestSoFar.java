package org.loft4j.train;

/**
 * The best evaluation of a run, and for how many evaluations nothing better has come.
 *
 * @param metric name of the score that decides
 * @param value of the best evaluation; NaN before the first
 * @param step of the best evaluation; 0 before the first
 * @param evaluationsSince number of evaluations after the best one
 */
record BestSoFar(String metric, double value, long step, int evaluationsSince) {
    static BestSoFar none(String metric) {
        return new BestSoFar(metric, Double.NaN, 0, 0);
    }

    /** Takes an evaluation into account. Equal is not better, and a score that is not finite never is: a saved state has no word for it. */
    BestSoFar after(long evaluatedStep, double score) {
        boolean better = Double.isFinite(score)
                && (step == 0 || (Evaluation.largerIsBetter(metric) ? score > value : score < value));
        return better
                ? new BestSoFar(metric, score, evaluatedStep, 0)
                : new BestSoFar(metric, value, step, evaluationsSince + 1);
    }

    /** Whether patience (0 for endless) has run out. */
    boolean exhausted(int patience) {
        return patience > 0 && evaluationsSince >= patience;
    }
}
