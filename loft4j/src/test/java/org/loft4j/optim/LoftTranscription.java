package org.loft4j.optim;

/**
 * LoFT-AdamW in plain float64 arrays, written from the equations of the paper with full r×r cross terms and the whole m×n
 * quotient: slow, and with nothing in common with the code under test.
 */
final class LoftTranscription {
    final double[][] a;
    final double[][] b;
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
    private int t;

    LoftTranscription(double[][] a, double[][] b, double scale, LoftConfig config) {
        this.a = copy(a);
        this.b = copy(b);
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
        boolean bMoves = t % 2 == 1;
        double[][] projected = bMoves ? mul(tB, a) : mul(b, tA);
        double norm = frobenius(projected);
        double clip = maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1;
        tB = scaled(tB, clip);
        tA = scaled(tA, clip);
        double[][] cA = mul(mul(aPrev, transpose(a)), sAInv);
        double[][] cB = mul(sBInv, mul(transpose(b), bPrev));
        assign(mB, add(scaled(mul(mB, cA), beta1), scaled(tB, 1 - beta1)));
        assign(mA, add(scaled(mul(cB, mA), beta1), scaled(tA, 1 - beta1)));
        for (int i = 0; i < m; i++) {
            pB[i] = mul(mul(transpose(cA), pB[i]), cA);
            for (int k = 0; k < r; k++) {
                for (int l = 0; l < r; l++) {
                    pB[i][k][l] = beta2 * pB[i][k][l] + (1 - beta2) * tB[i][k] * tB[i][l];
                }
            }
        }
        for (int j = 0; j < n; j++) {
            pA[j] = mul(mul(cB, pA[j]), transpose(cB));
            for (int k = 0; k < r; k++) {
                for (int l = 0; l < r; l++) {
                    pA[j][k][l] = beta2 * pA[j][k][l] + (1 - beta2) * tA[k][j] * tA[l][j];
                }
            }
        }
        aPrev = copy(a);
        bPrev = copy(b);
        double c1 = 1 - Math.pow(beta1, t);
        double c2 = 1 - Math.pow(beta2, t);
        double[][] moment = bMoves ? mul(mB, a) : mul(b, mA);
        double[][] d = new double[m][n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double v = 0;
                for (int k = 0; k < r; k++) {
                    for (int l = 0; l < r; l++) {
                        v += bMoves ? a[k][j] * pB[i][k][l] * a[l][j] : b[i][k] * pA[j][k][l] * b[i][l];
                    }
                }
                d[i][j] = moment[i][j] / c1 / (Math.sqrt(Math.max(v, 0) / c2) + eps);
            }
        }
        if (bMoves) {
            assign(b, add(scaled(b, 1 - lr * decay), scaled(mul(mul(d, transpose(a)), sAInv), -lr / scale)));
        } else {
            assign(a, add(scaled(a, 1 - lr * decay), scaled(mul(sBInv, mul(transpose(b), d)), -lr / scale)));
        }
        return norm;
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

    private static void assign(double[][] to, double[][] from) {
        for (int i = 0; i < to.length; i++) {
            System.arraycopy(from[i], 0, to[i], 0, to[i].length);
        }
    }

    /** Gauss–Jordan with partial pivoting. */
    private static double[][] inverse(double[][] x) {
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
