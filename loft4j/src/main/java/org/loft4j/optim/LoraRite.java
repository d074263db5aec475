package org.loft4j.optim;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.NativeScope;

/**
 * LoRA-RITE (Yen, Si, Meng, Yu, Duvvuri, Dhillon, Hsieh, Kumar, "LoRA Done RITE: Robust Invariant Transformation Equilibration
 * for LoRA Optimization", ICLR 2025, arXiv 2410.20625, algorithm 1): the gradient of each factor in an orthonormal basis of the
 * other one ("unmagnified"), with a second moment that is a matrix. For A, with the QR factorisation {@code B = U_B·R_B}:
 *
 * <pre>
 * ∇̄ = R_B⁻ᵀ·g_A                    P = U_Bᵀ·U_B,old
 * V ← β₂·P·V·Pᵀ + (1 − β₂)·∇̄·∇̄ᵀ/n
 * M ← β₁·P·M + (1 − β₁)·(V/(1 − β₂ᵗ))^−½·∇̄
 * A ← (1 − η·λ)·A − η·R_B⁻¹·M/(1 − β₁ᵗ)
 * </pre>
 *
 * and for B mirrored, with {@code Aᵀ = U_A·R_A} and m in place of n; both with the factors at which the gradients were taken.
 * {@code V^−½} has the eigenvalues {@code 1/(√λ + ε)}, and the authors' ε is 1e-6. Clipping uses the norm of ∇̄ of both. The
 * paper's escaped mass, which the authors' PyTorch code has off by default, is left out. R⁻¹ is a
 * pseudo-inverse, so with B = 0 the first step moves B alone. It is zero for directions below 1e-7 of the largest, and below 1e-5
 * where the factor is no float64; so is {@code V^−½} there below 1e-5 of the largest root. What gradients of fewer tokens than r do
 * not reach is rounding, which the authors' code enlarges by up to 1/ε, and by R⁻¹ once more: such layers leave for good.
 *
 * <p>P is taken when a factor is written, and V, P and R are float64, so nothing of the size of an old basis is kept.
 */
public final class LoraRite {
    /** The authors' ε. */
    public static final double EPS = 1e-6;

    /** Directions below this share of the largest are rounding, where they are of float32 or less. */
    private static final double ROUNDING = 1e-5;

    private static double rankTolerance(Tensor wide) {
        return isExact(wide) ? 1e-7 : ROUNDING;
    }

    private static boolean isExact(Tensor wide) {
        return wide.scalar_type() == ScalarType.Double;
    }

    private LoraRite() {}

    /**
     * An optimizer of the pairs.
     *
     * <p>State: {@code (m + n)·r} floats and {@code 4·r²} doubles a pair.
     */
    public static Optimizer of(List<LowRankPair> pairs, AdamWConfig config) {
        List<PairRule> rules = new ArrayList<>();
        for (LowRankPair pair : pairs) {
            rules.add(new Rule(pair, config));
        }
        return new PairOptimizer(rules);
    }

    /** History of one factor F {@code (r, length)}, and the orthonormal basis that F is to the other one. */
    private static final class State implements AutoCloseable {
        private final Tensor m;
        private final Tensor v;
        /** P of F's own basis, for the history of the other factor. */
        private final Tensor rotation;
        /** R⁻¹ of F's own basis. */
        private final Tensor inverse;

        State(Tensor wide, Tensor other) {
            Tensor exact = wide.to(ScalarType.Double);
            long own = vectors(wide);
            long history = vectors(other);
            m = NativeScope.keep(torch.zeros(new long[] {history, wide.size(1)}, wide.options()));
            v = NativeScope.keep(torch.zeros(new long[] {history, history}, exact.options()));
            rotation = NativeScope.keep(torch.zeros(new long[] {own, own}, exact.options()));
            inverse = NativeScope.keep(pseudoInverse(qr(exact).get1(), rankTolerance(wide)));
        }

        /** Of the orthonormal basis that a factor is: r, unless the matrix has a smaller side there. */
        static long vectors(Tensor wide) {
            return Math.min(wide.size(0), wide.size(1));
        }

        static T_TensorTensor_T qr(Tensor wide) {
            return torch.linalg_qr(wide.to(ScalarType.Double).t());
        }

        static Tensor pseudoInverse(Tensor r, double tolerance) {
            // on the host for the reason that Eigen has: B = 0 at first
            return torch.linalg_pinv(r.cpu(), tolerance).to(r.device(), r.scalar_type());
        }

        @Override
        public void close() {
            m.close();
            v.close();
            rotation.close();
            inverse.close();
        }
    }

    private static final class Rule implements PairRule {
        private final LowRankPair pair;
        private final AdamWConfig config;
        private final Map<Factor, State> states = new EnumMap<>(Factor.class);

        Rule(LowRankPair pair, AdamWConfig config) {
            this.pair = pair;
            this.config = config;
            try (NativeScope scope = new NativeScope()) {
                for (Factor factor : Factor.values()) {
                    states.put(
                            factor, new State(factor.wide(pair), factor.other().wide(pair)));
                }
            }
        }

        @Override
        public LowRankPair pair() {
            return pair;
        }

        @Override
        public void readGradients(long t, NormSum norm) {
            for (Factor factor : Factor.values()) {
                norm.add(unmagnified(factor).square().sum());
                // a pseudo-inverse of zero must not hide that a gradient is not finite
                norm.add(factor.wideGrad(pair).sum().mul(new Scalar(0.0)));
            }
        }

        /** {@code ∇̄ = R⁻ᵀ·g}, float64. */
        private Tensor unmagnified(Factor factor) {
            return state(factor.other()).inverse.t().mm(factor.wideGrad(pair).to(ScalarType.Double));
        }

        @Override
        public void step(long t, double learningRate, double gradScale) {
            Map<Factor, Tensor> written = new EnumMap<>(Factor.class);
            for (Factor factor : Factor.values()) {
                Tensor f = factor.wide(pair);
                Tensor m = state(factor).m;
                Tensor v = state(factor).v;
                Tensor p = state(factor.other()).rotation;
                Tensor grad = unmagnified(factor).mul_(new Scalar(gradScale));

                v.copy_(p.mm(v).mm(p.t()).mul_(new Scalar(config.beta2())))
                        .add_(grad.mm(grad.t()).div_(new Scalar((double) f.size(1))), new Scalar(1 - config.beta2()));
                Tensor whitened = inverseRoot(v.div(new Scalar(1 - Math.pow(config.beta2(), t))), f)
                        .mm(grad);
                m.copy_(p.to(m.scalar_type()).mm(m).mul_(new Scalar(config.beta1())))
                        .add_(whitened.to(m.scalar_type()), new Scalar(1 - config.beta1()));
                Tensor direction = state(factor.other())
                        .inverse
                        .mm(m.to(ScalarType.Double))
                        .div_(new Scalar(1 - Math.pow(config.beta1(), t)));
                written.put(
                        factor,
                        f.mul(new Scalar(1 - learningRate * config.weightDecay()))
                                .sub_(direction.to(f.scalar_type()), new Scalar(learningRate)));
            }
            written.forEach(this::write);
        }

        /** {@code V^−½}, with eigenvalues {@code 1/(√λ + ε)}, and 0 where λ is rounding. */
        private Tensor inverseRoot(Tensor v, Tensor f) {
            Eigen eigen = Eigen.of(v);
            Tensor roots = eigen.values().clamp_min(new Scalar(0.0)).sqrt_();
            Tensor inverse = roots.add(new Scalar(config.eps())).reciprocal_();
            if (!isExact(f)) {
                inverse.mul_(roots.ge(roots.max().mul(new Scalar(ROUNDING))));
            }
            return eigen.vectors().mul(inverse).mm(eigen.vectors().t());
        }

        private void write(Factor factor, Tensor written) {
            Tensor f = factor.wide(pair);
            Tensor before = State.qr(f).get0();
            f.copy_(written);
            T_TensorTensor_T after = State.qr(f);
            state(factor).rotation.copy_(after.get0().t().mm(before));
            state(factor).inverse.copy_(State.pseudoInverse(after.get1(), rankTolerance(f)));
        }

        @Override
        public void addState(Map<String, Tensor> all) {
            for (Factor factor : Factor.values()) {
                String name = pair.name() + ".lora_" + factor;
                all.put(name + ".exp_avg", state(factor).m);
                all.put(name + ".exp_avg_sq", state(factor).v);
                all.put(name + ".rotation", state(factor).rotation);
            }
        }

        @Override
        public void reloaded() {
            for (Factor factor : Factor.values()) {
                Tensor f = factor.wide(pair);
                state(factor).inverse.copy_(State.pseudoInverse(State.qr(f).get1(), rankTolerance(f)));
            }
        }

        private State state(Factor factor) {
            return Objects.requireNonNull(states.get(factor));
        }

        @Override
        public void close() {
            states.values().forEach(State::close);
        }
    }
}
