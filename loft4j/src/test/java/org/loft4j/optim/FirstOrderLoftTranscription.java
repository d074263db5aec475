package org.loft4j.optim;

import static org.loft4j.optim.LoftTranscription.add;
import static org.loft4j.optim.LoftTranscription.assign;
import static org.loft4j.optim.LoftTranscription.copy;
import static org.loft4j.optim.LoftTranscription.frobenius;
import static org.loft4j.optim.LoftTranscription.inverse;
import static org.loft4j.optim.LoftTranscription.mul;
import static org.loft4j.optim.LoftTranscription.scaled;
import static org.loft4j.optim.LoftTranscription.transpose;

/** LoFT with SGD, Lion or Muon in plain float64 arrays, with the whole m×n step of W in each step. */
final class FirstOrderLoftTranscription {
    enum Kind {
        SGD,
        LION,
        MUON
    }

    final double[][] a;
    final double[][] b;
    private final double scale;
    private final LoftConfig config;
    private final Kind kind;
    private double[][] aPrev;
    private double[][] bPrev;
    private final double[][] mA;
    private final double[][] mB;
    private int t;

    FirstOrderLoftTranscription(double[][] a, double[][] b, double scale, LoftConfig config, Kind kind) {
        this.a = copy(a);
        this.b = copy(b);
        this.scale = scale;
        this.config = config;
        this.kind = kind;
        aPrev = copy(a);
        bPrev = copy(b);
        mA = new double[a.length][a[0].length];
        mB = new double[b.length][b[0].length];
    }

    void step(double[][] g, double lr) {
        t++;
        double[][] sAInv = inverse(mul(a, transpose(a)));
        double[][] sBInv = inverse(mul(transpose(b), b));
        double[][] gB = mul(mul(g, transpose(a)), sAInv);
        double[][] gA = mul(sBInv, mul(transpose(b), g));
        assign(mB, mul(mB, mul(mul(aPrev, transpose(a)), sAInv)));
        assign(mA, mul(mul(sBInv, mul(transpose(b), bPrev)), mA));
        double[][] lookB = accumulate(mB, gB);
        double[][] lookA = accumulate(mA, gA);
        aPrev = copy(a);
        bPrev = copy(b);
        double shrink = 1 - lr * config.weightDecay();
        if (t % 2 == 1) {
            double[][] step = mul(mul(ofW(mul(lookB, a)), transpose(a)), sAInv);
            assign(b, add(scaled(b, shrink), scaled(step, -lr / scale)));
        } else {
            double[][] step = mul(sBInv, mul(transpose(b), ofW(mul(b, lookA))));
            assign(a, add(scaled(a, shrink), scaled(step, -lr / scale)));
        }
    }

    private double[][] accumulate(double[][] m, double[][] g) {
        double beta1 = config.beta1();
        double[][] before = copy(m);
        switch (kind) {
            case SGD -> assign(m, add(scaled(m, beta1), g));
            case LION -> assign(m, add(scaled(m, config.beta2()), scaled(g, 1 - config.beta2())));
            case MUON -> assign(m, add(scaled(m, beta1), scaled(g, 1 - beta1)));
        }
        return switch (kind) {
            case SGD -> copy(m);
            case LION -> add(scaled(before, beta1), scaled(g, 1 - beta1));
            case MUON -> add(scaled(m, beta1), scaled(g, 1 - beta1));
        };
    }

    private double[][] ofW(double[][] momentum) {
        return switch (kind) {
            case SGD -> momentum;
            case LION -> sign(momentum);
            case MUON -> scaled(polar(momentum), 0.2 * Math.sqrt(Math.max(momentum.length, momentum[0].length)));
        };
    }

    private static double[][] sign(double[][] x) {
        double[][] z = copy(x);
        for (double[] row : z) {
            for (int j = 0; j < row.length; j++) {
                row[j] = Math.signum(row[j]);
            }
        }
        return z;
    }

    /** Newton and Schulz' iteration to its end; singular values that are zero stay so. */
    private static double[][] polar(double[][] x) {
        double[][] z = scaled(x, 1 / frobenius(x));
        for (int i = 0; i < 80; i++) {
            z = add(scaled(z, 1.5), scaled(mul(z, mul(transpose(z), z)), -0.5));
        }
        return z;
    }
}
