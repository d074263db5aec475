package org.loft4j.optim;

import static org.loft4j.optim.Matrix.add;
import static org.loft4j.optim.Matrix.function;
import static org.loft4j.optim.Matrix.identity;
import static org.loft4j.optim.Matrix.inverse;
import static org.loft4j.optim.Matrix.mul;
import static org.loft4j.optim.Matrix.orthonormal;
import static org.loft4j.optim.Matrix.root;
import static org.loft4j.optim.Matrix.scaled;
import static org.loft4j.optim.Matrix.squaredNorm;
import static org.loft4j.optim.Matrix.sylvester;
import static org.loft4j.optim.Matrix.t;

/** Each rival method in plain float64 arrays, written from its paper's equations with A as (r, n) and B as (m, r). */
abstract class PeerTranscription {
    static final int REFLORA_WARMUP = 3;

    double[][] a;
    double[][] b;
    final double s;
    final AdamWConfig config;
    int step;

    PeerTranscription(double[][] a, double[][] b, double s, AdamWConfig config) {
        this.a = Matrix.copy(a);
        this.b = Matrix.copy(b);
        this.s = s;
        this.config = config;
    }

    static PeerTranscription of(String method, double[][] a, double[][] b, double s, AdamWConfig config) {
        return switch (method) {
            case "lora-plus" -> new LoraPlus(a, b, s, config);
            case "lora-fa" -> new LoraFa(a, b, s, config);
            case "scaled-gd" -> new ScaledGd(a, b, s, config);
            case "lora-pro" -> new LoraPro(a, b, s, config);
            case "altlora" -> new AltLora(a, b, s, config, false);
            case "altlora-plus" -> new AltLora(a, b, s, config, true);
            case "lora-rite" -> new LoraRite(a, b, s, config);
            case "reflora" -> new RefLora(a, b, s, config);
            default -> throw new IllegalArgumentException(method);
        };
    }

    /** One step with the full gradient G (m×n); returns the clipping norm. */
    final double step(double[][] g, double lr, double maxNorm) {
        step++;
        double[][] gradA = scaled(s, mul(t(b), g));
        double[][] gradB = scaled(s, mul(g, t(a)));
        double norm = norm(gradA, gradB);
        double clip = maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1;
        move(scaled(clip, gradA), scaled(clip, gradB), lr);
        return norm;
    }

    double norm(double[][] gradA, double[][] gradB) {
        return Math.sqrt(squaredNorm(gradA) + squaredNorm(gradB));
    }

    abstract void move(double[][] gradA, double[][] gradB, double lr);

    final double[][] decayed(double[][] x, double lr) {
        return scaled(1 - lr * config.weightDecay(), x);
    }

    final double[][] gramA(double ridge) {
        return add(mul(a, t(a)), ridge, identity(a.length));
    }

    final double[][] gramB(double ridge) {
        return add(mul(t(b), b), ridge, identity(a.length));
    }

    static double[][] average(double beta, double[][] old, double[][] value) {
        return add(scaled(beta, old), 1 - beta, value);
    }

    double corrected1() {
        return 1 - Math.pow(config.beta1(), step);
    }

    double corrected2() {
        return 1 - Math.pow(config.beta2(), step);
    }

    /** Adam's direction for one matrix. */
    final class Adam {
        private double[][] m;
        private double[][] v;

        Adam(double[][] like) {
            m = scaled(0, like);
            v = scaled(0, like);
        }

        double[][] direction(double[][] g) {
            m = average(config.beta1(), m, g);
            v = average(config.beta2(), v, Matrix.map(g, x -> x * x));
            double[][] d = scaled(1 / corrected1(), m);
            for (int i = 0; i < d.length; i++) {
                for (int j = 0; j < d[0].length; j++) {
                    d[i][j] /= Math.sqrt(v[i][j] / corrected2()) + config.eps();
                }
            }
            return d;
        }
    }

    private static final class LoraPlus extends PeerTranscription {
        private final Adam adamA = new Adam(a);
        private final Adam adamB = new Adam(b);

        LoraPlus(double[][] a, double[][] b, double s, AdamWConfig config) {
            super(a, b, s, config);
        }

        @Override
        void move(double[][] gradA, double[][] gradB, double lr) {
            a = add(decayed(a, lr), -lr, adamA.direction(gradA));
            b = add(decayed(b, 16 * lr), -16 * lr, adamB.direction(gradB));
        }
    }

    private static final class LoraFa extends PeerTranscription {
        private final Adam adamB = new Adam(b);

        LoraFa(double[][] a, double[][] b, double s, AdamWConfig config) {
            super(a, b, s, config);
        }

        @Override
        double norm(double[][] gradA, double[][] gradB) {
            return Math.sqrt(squaredNorm(gradB));
        }

        @Override
        void move(double[][] gradA, double[][] gradB, double lr) {
            double[][] projected = scaled(1 / (s * s), mul(gradB, inverse(gramA(1e-8))));
            b = add(decayed(b, lr), -lr, adamB.direction(projected));
        }
    }

    private static final class ScaledGd extends PeerTranscription {
        private final Adam adamA = new Adam(a);
        private final Adam adamB = new Adam(b);

        ScaledGd(double[][] a, double[][] b, double s, AdamWConfig config) {
            super(a, b, s, config);
        }

        @Override
        void move(double[][] gradA, double[][] gradB, double lr) {
            double[][] scaledA = mul(inverse(gramB(1e-2)), gradA);
            double[][] scaledB = mul(gradB, inverse(gramA(1e-2)));
            a = add(decayed(a, lr), -lr, adamA.direction(scaledA));
            b = add(decayed(b, lr), -lr, adamB.direction(scaledB));
        }
    }

    private static final class LoraPro extends PeerTranscription {
        private final Adam adam = new Adam(new double[b.length][a[0].length]);

        LoraPro(double[][] a, double[][] b, double s, AdamWConfig config) {
            super(a, b, s, config);
        }

        private double[][] starA(double[][] gradA) {
            return scaled(1 / (s * s), mul(inverse(gramB(1e-8)), gradA));
        }

        private double[][] starB(double[][] gradB) {
            double[][] outside = add(identity(b.length), -1, mul(b, inverse(gramB(1e-8)), t(b)));
            return scaled(1 / (s * s), mul(outside, gradB, inverse(gramA(1e-8))));
        }

        @Override
        void move(double[][] gradA, double[][] gradB, double lr) {
            double[][] full = scaled(s, add(mul(b, starA(gradA)), 1, mul(starB(gradB), a)));
            double[][] g = adam.direction(full);
            double[][] stepA = starA(scaled(s, mul(t(b), g)));
            double[][] stepB = starB(scaled(s, mul(g, t(a))));
            double[][] x = sylvester(gramB(0), gramA(0), scaled(-1, mul(stepA, t(a))));
            double[][] newA = add(decayed(a, lr), -lr, add(stepA, 1, mul(x, a)));
            b = add(decayed(b, lr), -lr, add(stepB, -1, mul(b, x)));
            a = newA;
        }
    }

    private static final class AltLora extends PeerTranscription {
        private final boolean plus;
        private double[][] mA = scaled(0, a);
        private double[][] mB = scaled(0, b);
        private double[][] vA = scaled(0, a);
        private double[][] vB = scaled(0, b);
        private double[][] bAtLastA = scaled(0, b);
        private double[][] aAtLastB = scaled(0, a);

        AltLora(double[][] a, double[][] b, double s, AdamWConfig config, boolean plus) {
            super(a, b, s, config);
            this.plus = plus;
        }

        private double[][] direction(double[][] m, double[][] v) {
            double[][] d = scaled(1 / corrected1(), m);
            for (int i = 0; plus && i < d.length; i++) {
                for (int j = 0; j < d[0].length; j++) {
                    d[i][j] /= Math.sqrt(v[i][j] / corrected2()) + config.eps();
                }
            }
            return d;
        }

        @Override
        void move(double[][] gradA, double[][] gradB, double lr) {
            double[][] ofB = inverse(gramB(1e-3));
            double[][] scaledA = mul(ofB, gradA);
            mA = average(config.beta1(), mul(ofB, t(b), bAtLastA, mA), scaledA);
            vA = average(config.beta2(), vA, Matrix.map(scaledA, x -> x * x));
            bAtLastA = b;
            a = add(decayed(a, lr), -lr, direction(mA, vA));

            double[][] ofA = inverse(gramA(1e-3));
            double[][] scaledB = mul(gradB, ofA);
            mB = average(config.beta1(), mul(mB, aAtLastB, t(a), ofA), scaledB);
            vB = average(config.beta2(), vB, Matrix.map(scaledB, x -> x * x));
            aAtLastB = a;
            b = add(decayed(b, lr), -lr, direction(mB, vB));
        }
    }

    private static final class LoraRite extends PeerTranscription {
        private double[][] mA = scaled(0, a);
        private double[][] mB = scaled(0, b);
        private double[][] vA = scaled(0, identity(a.length));
        private double[][] vB = scaled(0, identity(a.length));
        private double[][] uA = scaled(0, t(a));
        private double[][] uB = scaled(0, b);

        LoraRite(double[][] a, double[][] b, double s, AdamWConfig config) {
            super(a, b, s, config);
        }

        /** {@code R⁻¹} of {@code F = U·R}; zero for F = 0. */
        private static double[][] inverseR(double[][] u, double[][] f) {
            return squaredNorm(f) == 0 ? new double[f[0].length][f[0].length] : inverse(mul(t(u), f));
        }

        private double[][] whitening(double[][] v) {
            return function(scaled(1 / corrected2(), v), value -> 1 / (Math.sqrt(Math.max(0, value)) + config.eps()));
        }

        @Override
        double norm(double[][] gradA, double[][] gradB) {
            double[][] ofA = mul(t(inverseR(orthonormal(b), b)), gradA);
            double[][] ofB = mul(gradB, inverseR(orthonormal(t(a)), t(a)));
            return Math.sqrt(squaredNorm(ofA) + squaredNorm(ofB));
        }

        @Override
        void move(double[][] gradA, double[][] gradB, double lr) {
            double[][] newUB = orthonormal(b);
            double[][] newUA = orthonormal(t(a));
            double[][] rB = inverseR(newUB, b);
            double[][] rA = inverseR(newUA, t(a));
            double[][] pA = mul(t(newUB), uB);
            double[][] pB = mul(t(newUA), uA);
            uB = newUB;
            uA = newUA;

            double[][] ofA = mul(t(rB), gradA);
            vA = average(config.beta2(), mul(pA, vA, t(pA)), scaled(1.0 / a[0].length, mul(ofA, t(ofA))));
            mA = average(config.beta1(), mul(pA, mA), mul(whitening(vA), ofA));
            double[][] ofB = mul(gradB, rA);
            vB = average(config.beta2(), mul(pB, vB, t(pB)), scaled(1.0 / b.length, mul(t(ofB), ofB)));
            mB = average(config.beta1(), mul(mB, t(pB)), mul(ofB, whitening(vB)));

            a = add(decayed(a, lr), -lr / corrected1(), mul(rB, mA));
            b = add(decayed(b, lr), -lr / corrected1(), mul(mB, t(rA)));
        }
    }

    private static final class RefLora extends PeerTranscription {
        private final Adam adamA = new Adam(a);
        private final Adam adamB = new Adam(b);

        RefLora(double[][] a, double[][] b, double s, AdamWConfig config) {
            super(a, b, s, config);
        }

        @Override
        void move(double[][] gradA, double[][] gradB, double lr) {
            double[][] toA = gradA;
            double[][] toB = gradB;
            if (step > REFLORA_WARMUP) {
                double[][] rootA = root(gramA(0));
                double[][] inverseRootA = inverse(rootA);
                double[][] matrix = mul(inverseRootA, root(mul(rootA, gramB(0), rootA)), inverseRootA);
                toA = mul(inverse(matrix), gradA);
                toB = mul(gradB, matrix);
            }
            a = add(decayed(a, lr), -lr, adamA.direction(toA));
            b = add(decayed(b, lr), -lr, adamB.direction(toB));
        }
    }
}
