package org.loft4j.optim;

import static org.loft4j.optim.LoftTranscription.add;
import static org.loft4j.optim.LoftTranscription.assign;
import static org.loft4j.optim.LoftTranscription.copy;
import static org.loft4j.optim.LoftTranscription.frobenius;
import static org.loft4j.optim.LoftTranscription.inverse;
import static org.loft4j.optim.LoftTranscription.mul;
import static org.loft4j.optim.LoftTranscription.scaled;
import static org.loft4j.optim.LoftTranscription.transpose;

/**
 * What the published code of LoFT does, in plain float64 arrays: in each step A is treated first and B then, on whatever A is by
 * then; each keeps a copy of the other as it was at its own last turn.
 */
final class PublishedLoftTranscription {
    final double[][] a;
    final double[][] b;
    private final LoftConfig config;
    private final double scale;
    private double[][] aSeenByB;
    private double[][] bSeenByA;
    private final double[][] mA;
    private final double[][] mB;
    private final double[][][] pA;
    private final double[][][] pB;
    private int t;

    PublishedLoftTranscription(double[][] a, double[][] b, double scale, LoftConfig config) {
        this.a = copy(a);
        this.b = copy(b);
        this.scale = scale;
        this.config = config;
        int r = a.length;
        aSeenByB = copy(a);
        bSeenByA = copy(b);
        mA = new double[r][a[0].length];
        mB = new double[b.length][r];
        pA = new double[a[0].length][r][r];
        pB = new double[b.length][r][r];
    }

    /** One step with the full gradient G (m×n); returns the clipping norm. */
    double step(double[][] g, double lr, double maxNorm) {
        t++;
        double[][] gB = scaled(mul(g, transpose(a)), scale);
        double[][] gA = scaled(mul(transpose(b), g), scale);
        boolean turnOfA = t % 2 == 0;
        double norm = turnOfA
                ? frobenius(mul(b, mul(damped(mul(transpose(b), b), 1e-6), gA)))
                : frobenius(mul(mul(gB, damped(mul(a, transpose(a)), 1e-8)), a));
        double clip = maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1;

        double[][] inv = damped(mul(transpose(b), b), 1e-6);
        double[][] r = mul(inv, mul(transpose(b), bSeenByA));
        accumulate(mA, mul(r, mA), mul(inv, scaled(gA, clip)));
        accumulate(pA, transpose(r), transpose(mul(inv, scaled(gA, clip))));
        bSeenByA = copy(b);
        if (turnOfA) {
            double[][] d = transpose(quotient(transpose(mul(b, mA)), pA, b));
            double[][] projected = mul(inv, mul(transpose(b), d));
            assign(a, add(scaled(a, 1 - config.weightDecay()), scaled(projected, -lr)));
        }

        inv = damped(mul(a, transpose(a)), 1e-8);
        r = mul(mul(aSeenByB, transpose(a)), inv);
        accumulate(mB, mul(mB, r), mul(scaled(gB, clip), inv));
        accumulate(pB, r, mul(scaled(gB, clip), inv));
        aSeenByB = copy(a);
        if (!turnOfA) {
            double[][] d = quotient(mul(mB, a), pB, transpose(a));
            double[][] projected = mul(mul(d, transpose(a)), inv);
            assign(b, add(scaled(b, 1 - config.weightDecay()), scaled(projected, -lr)));
        }
        return norm;
    }

    private static double[][] damped(double[][] gram, double delta) {
        double[][] x = copy(gram);
        for (int i = 0; i < x.length; i++) {
            x[i][i] += delta;
        }
        return inverse(x);
    }

    private void accumulate(double[][] m, double[][] carried, double[][] grad) {
        assign(m, add(scaled(carried, config.beta1()), scaled(grad, 1 - config.beta1())));
    }

    /** {@code P[i] ← β₂·C·P[i]·Cᵀ + (1 − β₂)·gᵢᵀ·gᵢ} with the rows gᵢ of the gradient. */
    private void accumulate(double[][][] p, double[][] c, double[][] rows) {
        for (int i = 0; i < p.length; i++) {
            double[][] outer = mul(transpose(new double[][] {rows[i]}), new double[][] {rows[i]});
            p[i] = add(scaled(mul(mul(c, p[i]), transpose(c)), config.beta2()), scaled(outer, 1 - config.beta2()));
        }
    }

    private double[][] quotient(double[][] moment, double[][][] p, double[][] basis) {
        double c1 = 1 - Math.pow(config.beta1(), t);
        double c2 = 1 - Math.pow(config.beta2(), t);
        double[][] d = copy(moment);
        for (int i = 0; i < d.length; i++) {
            for (int j = 0; j < basis.length; j++) {
                double[][] k = {basis[j]};
                double v = Math.max(0, mul(mul(k, p[i]), transpose(k))[0][0]);
                d[i][j] /= c1 * (Math.sqrt(v / c2) + config.eps());
            }
        }
        return d;
    }
}
