package org.loft4j.optim;

import java.util.Arrays;

/**
 * LoFT-AdamW in plain float64 arrays, written from the equations of the paper with full r×r cross terms and the whole m×n
 * quotient, each block under its own switch: slow, and with nothing in common with the code under test.
 */
final class LoftTranscription {
    final double[][] a;
    final double[][] b;
    private final LoftConfig config;
    private final double scale;
    private final double beta1;
    private final double beta2;
    private final double eps;
    private final double decay;
    private double[][] aPrev;
    private double[][] bPrev;
    private final double[][] mA;
    private final double[][] mB;
    private final double[][][] pA;
    private final double[][][] pB;
    final double[] shareA;
    final double[] shareB;
    private final double[] swingA;
    private final double[] swingB;
    private boolean guarded = true;
    private int t;
    private double missedAverage;
    private double capturedAverage;
    private double[] probe = new double[0];

    LoftTranscription(double[][] a, double[][] b, double scale, LoftConfig config) {
        this.a = copy(a);
        this.b = copy(b);
        this.config = config;
        this.scale = scale;
        this.beta1 = config.beta1();
        this.beta2 = config.beta2();
        this.eps = config.eps();
        this.decay = config.weightDecay();
        int r = a.length;
        aPrev = copy(a);
        bPrev = copy(b);
        mA = new double[r][a[0].length];
        mB = new double[b.length][r];
        pA = new double[a[0].length][r][r];
        pB = new double[b.length][r][r];
        shareA = new double[a[0].length];
        shareB = new double[b.length];
        swingA = new double[a[0].length];
        swingB = new double[b.length];
        Arrays.fill(shareA, 1);
        Arrays.fill(shareB, 1);
    }

    /** Without the guard of rows that swing. */
    LoftTranscription unguarded() {
        guarded = false;
        return this;
    }

    /** Sets the direction, of n entries, in which the next step sees the full gradient. */
    void probe(double[] direction) {
        probe = direction;
    }

    /** One step with the full gradient G (m×n); returns the clipping norm. */
    double step(double[][] g, double lr, double maxNorm) {
        t++;
        int r = a.length;
        int n = a[0].length;
        int m = b.length;
        double[][] sAInv = inverse(mul(a, transpose(a)));
        double[][] sBInv = inverse(mul(transpose(b), b));
        double[][] gB = scaled(mul(g, transpose(a)), scale);
        double[][] gA = scaled(mul(transpose(b), g), scale);
        double[][] tB = scaled(mul(gB, sAInv), 1 / scale);
        double[][] tA = scaled(mul(sBInv, gA), 1 / scale);
        boolean alternates = has(LoftBlock.ALTERNATION) && !config.tangent();
        boolean bMoves = !alternates || t % 2 == 1;
        boolean aMoves = !alternates || t % 2 == 0;
        double squared = 0;
        if (!has(LoftBlock.CLIPPING)) {
            squared = Math.pow(frobenius(gA), 2) + Math.pow(frobenius(gB), 2);
        } else {
            squared += bMoves ? Math.pow(frobenius(mul(tB, a)), 2) : 0;
            squared += aMoves ? Math.pow(frobenius(mul(b, tA)), 2) : 0;
        }
        double[][] along = mul(tB, a);
        double[][] across = mul(b, tA);
        double[][] both = mul(mul(along, transpose(a)), mul(sAInv, a));
        double[][] common = mul(b, mul(sBInv, mul(transpose(b), both)));
        double[][] either = add(add(along, across), scaled(common, -1));
        double[][] followed = !alternates ? either : bMoves ? along : across;
        double captured = Math.pow(frobenius(followed), 2);
        if (!alternates && !config.tangent()) {
            // both take their full step: what both can express counts twice
            captured = Math.pow(frobenius(along), 2) + Math.pow(frobenius(across), 2);
        }
        if (config.tangent() && has(LoftBlock.CLIPPING)) {
            squared = captured;
        }
        double norm = Math.sqrt(squared);
        double rate = config.matchRate() ? lr * kappa(add(g, scaled(followed, -1)), captured) : lr;
        double clip = maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1;
        if (!has(LoftBlock.GRADIENT_SCALING)) {
            tB = mul(g, transpose(a));
            tA = mul(transpose(b), g);
        }
        tB = scaled(tB, clip);
        tA = scaled(tA, clip);
        double[][] cA = mul(mul(aPrev, transpose(a)), sAInv);
        double[][] cB = mul(sBInv, mul(transpose(b), bPrev));
        if (has(LoftBlock.FIRST_MOMENT)) {
            assign(mB, mul(mB, cA));
            assign(mA, mul(cB, mA));
        }
        boolean calibrated = has(LoftBlock.SECOND_MOMENT);
        for (int i = 0; i < m && calibrated; i++) {
            pB[i] = mul(mul(transpose(cA), pB[i]), cA);
        }
        for (int j = 0; j < n && calibrated; j++) {
            pA[j] = mul(mul(cB, pA[j]), transpose(cB));
        }
        if (guarded && alternates && has(LoftBlock.PROJECTED_UPDATE) && t > 1) {
            if (aMoves && r < m) {
                look(shareB, swingB, tB, mB, pB, mul(a, transpose(a)), mul(mul(b, sBInv), transpose(b)));
            } else if (bMoves && r < n) {
                look(
                        shareA,
                        swingA,
                        transpose(tA),
                        transpose(mA),
                        pA,
                        mul(transpose(b), b),
                        mul(mul(transpose(a), sAInv), a));
            }
        }
        assign(mB, add(scaled(mB, beta1), scaled(tB, 1 - beta1)));
        assign(mA, add(scaled(mA, beta1), scaled(tA, 1 - beta1)));
        for (int k = 0; k < r; k++) {
            for (int l = 0; l < r; l++) {
                for (int i = 0; i < m; i++) {
                    pB[i][k][l] = beta2 * pB[i][k][l] + (1 - beta2) * tB[i][k] * tB[i][l];
                }
                for (int j = 0; j < n; j++) {
                    pA[j][k][l] = beta2 * pA[j][k][l] + (1 - beta2) * tA[k][j] * tA[l][j];
                }
            }
        }
        aPrev = copy(a);
        bPrev = copy(b);
        double[][] stepB = has(LoftBlock.PROJECTED_UPDATE)
                ? mul(mul(quotient(mul(mB, a), pB, transpose(a)), transpose(a)), sAInv)
                : elementwise(mB, pB);
        double[][] stepA = has(LoftBlock.PROJECTED_UPDATE)
                ? transpose(mul(mul(quotient(transpose(mul(b, mA)), pA, b), b), transpose(sBInv)))
                : transpose(elementwise(transpose(mA), pA));
        if (config.tangent()) {
            // D·(I − P_A)
            stepA = add(stepA, scaled(mul(mul(mul(stepA, transpose(a)), sAInv), a), -1));
        }
        for (int k = 0; k < r; k++) {
            for (int i = 0; i < m; i++) {
                stepB[i][k] *= shareB[i];
            }
            for (int j = 0; j < n; j++) {
                stepA[k][j] *= shareA[j];
            }
        }
        if (bMoves) {
            assign(b, add(scaled(b, 1 - lr * decay), scaled(stepB, -rate / scale)));
        }
        if (aMoves) {
            double decayOfA = config.tangent() ? 0 : decay;
            assign(a, add(scaled(a, 1 - lr * decayOfA), scaled(stepA, -rate / scale)));
        }
        return norm;
    }

    /**
     * The guard of one factor, tall: its share of each row's step, its gradient and momentum, V's coordinates, the Gram matrix of the
     * other factor, and the projection on what the other can reach.
     */
    private void look(
            double[] share,
            double[] swing,
            double[][] g,
            double[][] m,
            double[][][] p,
            double[][] gram,
            double[][] reached) {
        double[][] ownG = add(g, scaled(mul(reached, g), -1));
        double[][] ownM = scaled(add(m, scaled(mul(reached, m), -1)), 1 / (1 - Math.pow(beta1, t - 1)));
        double c = (1 + beta1 * beta1) / (1 - beta1 * beta1);
        for (int i = 0; i < share.length; i++) {
            double along = 0;
            double momentum = 0;
            double gradient = 0;
            double power = 0;
            for (int k = 0; k < gram.length; k++) {
                for (int l = 0; l < gram.length; l++) {
                    along += ownG[i][k] * gram[k][l] * ownM[i][l];
                    momentum += ownM[i][k] * gram[k][l] * ownM[i][l];
                    gradient += g[i][k] * gram[k][l] * g[i][l];
                    power += p[i][k][l] * gram[k][l] / (1 - Math.pow(beta2, t - 1));
                }
            }
            double x = gradient < power / 25 ? Math.abs(along) - c * momentum : 0;
            swing[i] = 0.75 * swing[i] + x;
            boolean overshoots = x > 0 && swing[i] > 0;
            share[i] = overshoots ? 0.8 * share[i] : Math.min(1, share[i] / beta2);
        }
    }

    private double kappa(double[][] missed, double captured) {
        double seen = 0;
        double length = 0;
        for (double entry : probe) {
            length += entry * entry;
        }
        for (double[] row : missed) {
            double dot = 0;
            for (int j = 0; j < row.length; j++) {
                dot += row[j] * probe[j];
            }
            seen += dot * dot;
        }
        missedAverage = 0.9 * missedAverage + 0.1 * seen * probe.length / length;
        capturedAverage = 0.9 * capturedAverage + 0.1 * captured;
        return Math.min(10, Math.sqrt(1 + missedAverage / capturedAverage));
    }

    private boolean has(LoftBlock block) {
        return !config.without().contains(block);
    }

    /** {@code V_ij = k_jᵀ·P[i]·k_j} with the rows k_j of the basis. */
    private double[][] quotient(double[][] moment, double[][][] p, double[][] basis) {
        double[][] d = new double[moment.length][basis.length];
        for (int i = 0; i < d.length; i++) {
            for (int j = 0; j < basis.length; j++) {
                double v = 0;
                for (int k = 0; k < basis[j].length; k++) {
                    for (int l = 0; l < basis[j].length; l++) {
                        v += basis[j][k] * p[i][k][l] * basis[j][l];
                    }
                }
                d[i][j] = bounded(ratio(moment[i][j], v));
            }
        }
        return d;
    }

    private double[][] elementwise(double[][] moment, double[][][] p) {
        double[][] d = copy(moment);
        for (int i = 0; i < d.length; i++) {
            for (int k = 0; k < d[i].length; k++) {
                double ratio = ratio(d[i][k], p[i][k][k]);
                d[i][k] = has(LoftBlock.SECOND_MOMENT) ? bounded(ratio) : ratio;
            }
        }
        return d;
    }

    private double ratio(double moment, double v) {
        double c1 = 1 - Math.pow(beta1, t);
        double c2 = 1 - Math.pow(beta2, t);
        return moment / c1 / (Math.sqrt(Math.max(v, 0) / c2) + eps);
    }

    /** Cauchy–Schwarz over the weights of the history, term by term. */
    private double bounded(double d) {
        double sum = 0;
        double c1 = 0;
        double c2 = 0;
        for (int k = 0; k < t; k++) {
            double first = (1 - beta1) * Math.pow(beta1, k);
            double second = (1 - beta2) * Math.pow(beta2, k);
            sum += first * first / second;
            c1 += first;
            c2 += second;
        }
        double bound = Math.sqrt(sum * c2) / c1 * (1 + 1e-6);
        return Math.max(-bound, Math.min(bound, d));
    }

    static double[][] mul(double[][] x, double[][] y) {
        double[][] z = new double[x.length][y[0].length];
        for (int i = 0; i < x.length; i++) {
            for (int k = 0; k < y.length; k++) {
                for (int j = 0; j < y[0].length; j++) {
                    z[i][j] += x[i][k] * y[k][j];
                }
            }
        }
        return z;
    }

    static double[][] transpose(double[][] x) {
        double[][] z = new double[x[0].length][x.length];
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < x[0].length; j++) {
                z[j][i] = x[i][j];
            }
        }
        return z;
    }

    static double[][] add(double[][] x, double[][] y) {
        double[][] z = copy(x);
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < x[0].length; j++) {
                z[i][j] += y[i][j];
            }
        }
        return z;
    }

    static double[][] scaled(double[][] x, double c) {
        double[][] z = copy(x);
        for (double[] row : z) {
            for (int j = 0; j < row.length; j++) {
                row[j] *= c;
            }
        }
        return z;
    }

    static double frobenius(double[][] x) {
        double sum = 0;
        for (double[] row : x) {
            for (double value : row) {
                sum += value * value;
            }
        }
        return Math.sqrt(sum);
    }

    static double[][] copy(double[][] x) {
        double[][] z = new double[x.length][];
        for (int i = 0; i < x.length; i++) {
            z[i] = x[i].clone();
        }
        return z;
    }

    static void assign(double[][] to, double[][] from) {
        for (int i = 0; i < to.length; i++) {
            System.arraycopy(from[i], 0, to[i], 0, to[i].length);
        }
    }

    /** Gauss–Jordan with partial pivoting. */
    static double[][] inverse(double[][] x) {
        int n = x.length;
        double[][] w = copy(x);
        double[][] inv = new double[n][n];
        for (int i = 0; i < n; i++) {
            inv[i][i] = 1;
        }
        for (int c = 0; c < n; c++) {
            int pivot = c;
            for (int i = c + 1; i < n; i++) {
                if (Math.abs(w[i][c]) > Math.abs(w[pivot][c])) {
                    pivot = i;
                }
            }
            double[] swap = w[c];
            w[c] = w[pivot];
            w[pivot] = swap;
            swap = inv[c];
            inv[c] = inv[pivot];
            inv[pivot] = swap;
            double p = w[c][c];
            for (int j = 0; j < n; j++) {
                w[c][j] /= p;
                inv[c][j] /= p;
            }
            for (int i = 0; i < n; i++) {
                double f = w[i][c];
                if (i != c && f != 0) {
                    for (int j = 0; j < n; j++) {
                        w[i][j] -= f * w[c][j];
                        inv[i][j] -= f * inv[c][j];
                    }
                }
            }
        }
        return inv;
    }
}
