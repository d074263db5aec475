package org.loft4j.optim;

import java.util.Locale;
import java.util.function.DoubleSupplier;

/**
 * Warns once a run when ε dominates √V: looks at one tile of one pair every 51 steps, an odd number, so that both factors get
 * their turn.
 */
final class EpsWatch {
    private static final System.Logger LOG = System.getLogger(EpsWatch.class.getName());
    private static final int PERIOD = 51;
    private static final double THRESHOLD = 0.1;

    private final double eps;
    private final int pairs;
    private volatile boolean warned;

    EpsWatch(double eps, int pairs) {
        this.eps = eps;
        this.pairs = pairs;
    }

    /**
     * @param index number of the pair, from 0
     * @param epsShare share of the entries in which ε is larger than √V; asked for only where it is this pair's turn
     */
    void look(String pair, int index, long t, DoubleSupplier epsShare) {
        if (warned || t % PERIOD != 1 || t / PERIOD % pairs != index) {
            return;
        }
        double share = epsShare.getAsDouble();
        if (share > THRESHOLD) {
            warned = true;
            LOG.log(
                    System.Logger.Level.WARNING,
                    String.format(
                            Locale.ROOT,
                            "eps %.1e is larger than √V in %.0f %% of the entries looked at (%s, step %d): LoFT does not"
                                    + " behave like AdamW there; a smaller eps would",
                            eps,
                            100 * share,
                            pair,
                            t));
        }
    }
}
