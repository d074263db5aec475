package org.loft4j.train;

/**
 * How well a model tells preferred answers from others, by the rewards that the loss gives them: {@link
 * org.loft4j.nn.PreferenceLoss#rewards}.
 */
public final class PreferenceScore {
    private long pairs;
    private long right;
    private double chosen;
    private double rejected;

    /** @param rewards of a preferred answer and the other in turn */
    void add(double[] rewards) {
        for (int i = 0; i < rewards.length; i += 2) {
            pairs++;
            right += rewards[i] > rewards[i + 1] ? 1 : 0;
            chosen += rewards[i];
            rejected += rewards[i + 1];
        }
    }

    /** The number of pairs. */
    public long count() {
        return pairs;
    }

    /** Share of the pairs whose preferred answer has the greater reward. */
    public double accuracy() {
        return (double) right / pairs;
    }

    /** How much greater it is in the mean. */
    public double margin() {
        return (chosen - rejected) / pairs;
    }

    /** Mean reward of the preferred answers. */
    public double chosen() {
        return chosen / pairs;
    }

    /** Mean reward of the others. */
    public double rejected() {
        return rejected / pairs;
    }
}
