package org.loft4j.optim;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

/** Plain float64 matrices for transcriptions: slow, and with nothing in common with libtorch. */
final class Matrix {
    private Matrix() {}

    static double[][] mul(double[][]... factors) {
        double[][] product = factors[0];
        for (int f = 1; f < factors.length; f++) {
            double[][] y = factors[f];
            double[][] z = new double[product.length][y[0].length];
            for (int i = 0; i < z.length; i++) {
                for (int j = 0; j < z[0].length; j++) {
                    for (int k = 0; k < y.length; k++) {
                        z[i][j] += product[i][k] * y[k][j];
                    }
                }
            }
            product = z;
        }
        return product;
    }

    static double[][] t(double[][] x) {
        double[][] z = new double[x[0].length][x.length];
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < x[0].length; j++) {
                z[j][i] = x[i][j];
            }
        }
        return z;
    }

    /** {@code x + c·y}. */
    static double[][] add(double[][] x, double c, double[][] y) {
        double[][] z = copy(x);
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < x[0].length; j++) {
                z[i][j] += c * y[i][j];
            }
        }
        return z;
    }

    static double[][] scaled(double c, double[][] x) {
        return map(x, value -> c * value);
    }

    static double[][] map(double[][] x, DoubleUnaryOperator f) {
        double[][] z = copy(x);
        for (double[] row : z) {
            for (int j = 0; j < row.length; j++) {
                row[j] = f.applyAsDouble(row[j]);
            }
        }
        return z;
    }

    static double[][] copy(double[][] x) {
        return Arrays.stream(x).map(double[]::clone).toArray(double[][]::new);
    }

    static double[][] identity(int n) {
        double[][] z = new double[n][n];
        for (int i = 0; i < n; i++) {
            z[i][i] = 1;
        }
        return z;
    }

    static double squaredNorm(double[][] x) {
        return Arrays.stream(x).flatMapToDouble(Arrays::stream).map(v -> v * v).sum();
    }

    /** The solution X of {@code A·X = C} by Gauss–Jordan with partial pivoting. */
    static double[][] solve(double[][] a, double[][] c) {
        int n = a.length;
        double[][] w = copy(a);
        double[][] x = copy(c);
        for (int k = 0; k < n; k++) {
            int pivot = k;
            for (int i = k + 1; i < n; i++) {
                pivot = Math.abs(w[i][k]) > Math.abs(w[pivot][k]) ? i : pivot;
            }
            swap(w, k, pivot);
            swap(x, k, pivot);
            for (int i = 0; i < n; i++) {
                if (i != k) {
                    double factor = w[i][k] / w[k][k];
                    subtract(w[i], factor, w[k]);
                    subtract(x[i], factor, x[k]);
                }
            }
        }
        for (int k = 0; k < n; k++) {
            for (int j = 0; j < x[k].length; j++) {
                x[k][j] /= w[k][k];
            }
        }
        return x;
    }

    private static void swap(double[][] x, int i, int j) {
        double[] row = x[i];
        x[i] = x[j];
        x[j] = row;
    }

    private static void subtract(double[] x, double factor, double[] y) {
        for (int j = 0; j < x.length; j++) {
            x[j] -= factor * y[j];
        }
    }

    static double[][] inverse(double[][] a) {
        return solve(a, identity(a.length));
    }

    /** {@code f} of a symmetric matrix, by Jacobi's rotations. */
    static double[][] function(double[][] symmetric, DoubleUnaryOperator f) {
        int n = symmetric.length;
        double[][] d = copy(symmetric);
        double[][] q = identity(n);
        for (int sweep = 0; sweep < 60; sweep++) {
            for (int k = 0; k < n; k++) {
                for (int l = k + 1; l < n; l++) {
                    double angle = 0.5 * Math.atan2(2 * d[k][l], d[k][k] - d[l][l]);
                    double[][] rotation = identity(n);
                    rotation[k][k] = rotation[l][l] = Math.cos(angle);
                    rotation[l][k] = Math.sin(angle);
                    rotation[k][l] = -rotation[l][k];
                    d = mul(t(rotation), d, rotation);
                    q = mul(q, rotation);
                }
            }
        }
        double[][] values = new double[n][n];
        for (int i = 0; i < n; i++) {
            values[i][i] = f.applyAsDouble(d[i][i]);
        }
        return mul(q, values, t(q));
    }

    static double[][] root(double[][] symmetric) {
        return function(symmetric, value -> Math.sqrt(Math.max(0, value)));
    }

    /** The orthonormal columns of a tall matrix by Gram–Schmidt, twice over; zero for a zero matrix. */
    static double[][] orthonormal(double[][] tall) {
        double[][] rows = t(tall);
        for (int k = 0; k < rows.length; k++) {
            for (int twice = 0; twice < 2; twice++) {
                for (int l = 0; l < k; l++) {
                    double dot = 0;
                    for (int i = 0; i < rows[k].length; i++) {
                        dot += rows[k][i] * rows[l][i];
                    }
                    subtract(rows[k], dot, rows[l]);
                }
            }
            double norm = Math.sqrt(squaredNorm(new double[][] {rows[k]}));
            for (int i = 0; i < rows[k].length; i++) {
                rows[k][i] = norm == 0 ? 0 : rows[k][i] / norm;
            }
        }
        return t(rows);
    }

    /** X of {@code S·X + X·T = C}, as one linear system for its r² entries. */
    static double[][] sylvester(double[][] s, double[][] t, double[][] c) {
        int r = s.length;
        double[][] system = new double[r * r][r * r];
        double[][] right = new double[r * r][1];
        for (int i = 0; i < r; i++) {
            for (int j = 0; j < r; j++) {
                right[i * r + j][0] = c[i][j];
                for (int k = 0; k < r; k++) {
                    system[i * r + j][k * r + j] += s[i][k];
                    system[i * r + j][i * r + k] += t[k][j];
                }
            }
        }
        double[][] flat = solve(system, right);
        double[][] x = new double[r][r];
        for (int i = 0; i < r * r; i++) {
            x[i / r][i % r] = flat[i][0];
        }
        return x;
    }
}
