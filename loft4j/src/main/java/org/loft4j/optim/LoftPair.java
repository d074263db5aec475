package org.loft4j.optim;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.NativeScope;

/**
 * One pair under LoFT: the six blocks in their order. A and B take the same path, B as its transpose, so that each equation
 * is written once: F is the factor {@code (r, length)}, K its basis {@code (r, columns)}, and {@code W − W0} is
 * {@code s·Fᵀ·K} or its transpose.
 */
final class LoftPair implements PairRule {
    private final LowRankPair pair;
    private final LoftConfig config;
    private final int index;
    private final EpsWatch watch;
    private final Map<Factor, FactorState> states = new EnumMap<>(Factor.class);
    private final Map<Factor, Basis> bases = new EnumMap<>(Factor.class);
    /**
     * {@code F·Fprevᵀ} of the factor that was written last, float64 {@code (r, r)}: all that is kept of the old factor. One
     * tensor for both factors while they take turns.
     */
    private final Map<Factor, Tensor> overlaps = new EnumMap<>(Factor.class);

    private final @Nullable RateMatch rateMatch;

    /**
     * @param index number of the pair among all of the optimizer
     * @param watch shared by all pairs
     */
    LoftPair(LowRankPair pair, LoftConfig config, FactorUpdate.Maker update, int index, EpsWatch watch) {
        this.pair = pair;
        this.index = index;
        this.watch = watch;
        this.config = config;
        this.rateMatch = config.matchRate() ? new RateMatch(pair.loraA()) : null;
        try (NativeScope scope = new NativeScope()) {
            overlaps.put(Factor.A, NativeScope.keep(Basis.zeros(pair)));
            overlaps.put(Factor.B, takesTurns() ? overlap(Factor.A) : NativeScope.keep(Basis.zeros(pair)));
            for (Factor factor : Factor.values()) {
                states.put(factor, new FactorState(config, update.of(pair, factor)));
                bases.put(factor, new Basis(pair, factor, config.damping(), overlap(factor)));
            }
        }
    }

    @Override
    public LowRankPair pair() {
        return pair;
    }

    @Override
    public List<Basis> bases() {
        return List.copyOf(bases.values());
    }

    /** Blocks 2 and 6. */
    @Override
    public void readGradients(long t, NormSum norm) {
        Map<Factor, Tensor> projected = new EnumMap<>(Factor.class);
        for (Factor factor : Factor.values()) {
            Tensor grad = factor.wideGrad(pair);
            if (!config.has(LoftBlock.CLIPPING)) {
                norm.add(grad.to(ScalarType.Double).square().sum());
            }
            Tensor captured = state(factor).scale(grad, basis(factor.other()), pair.scale());
            factor.dropGrad(pair);
            projected.put(factor, captured);
            if (config.has(LoftBlock.CLIPPING) && !moves(factor, t)) {
                // zero, or NaN if the idle factor's gradient is not finite
                norm.add(captured.mul(new Scalar(0.0)));
            }
        }
        if (config.has(LoftBlock.CLIPPING) || rateMatch != null) {
            Tensor captured = captured(t, projected);
            if (config.has(LoftBlock.CLIPPING)) {
                norm.add(captured);
            }
            if (rateMatch != null) {
                Tensor missed = missed(t);
                // as for an idle factor: in float16 the probe's gradient may overflow by itself
                norm.add(missed.mul(new Scalar(0.0)));
                rateMatch.read(missed, captured);
            }
        }
    }

    /** {@code ‖T‖²_F} of the part T of the full gradient that this step's factors follow. */
    private Tensor captured(long t, Map<Factor, Tensor> projected) {
        Tensor sum = null;
        for (Factor factor : Factor.values()) {
            if (moves(factor, t)) {
                Tensor norm = Objects.requireNonNull(projected.get(factor));
                sum = sum == null ? norm : sum.add(norm);
            }
        }
        Tensor all = Objects.requireNonNull(sum);
        return config.tangent() ? all.sub(common()) : all;
    }

    /** {@code ‖P_B·G·P_A‖²_F = tr(S_B⁻¹·X·S_A⁻¹·Xᵀ)} with {@code X = Bᵀ·G·Aᵀ}, which both projections hold. */
    private Tensor common() {
        Tensor b = Factor.B.wide(pair).to(ScalarType.Double);
        Tensor x = b.mm(state(Factor.B).scaledGrad().to(ScalarType.Double).t());
        if (config.has(LoftBlock.GRADIENT_SCALING)) {
            x = x.mm(basis(Factor.A).gram());
        }
        return basis(Factor.B)
                .inverse()
                .mm(x)
                .mm(basis(Factor.A).inverse())
                .mul(x)
                .sum();
    }

    /** {@code in·‖(G − T)·ω‖² / ‖ω‖²} in the direction ω of the probe. */
    private Tensor missed(long t) {
        GradientProbe probe = pair.probe();
        if (probe == null) {
            throw new IllegalStateException(pair.name() + " has no probe, which matching the rate needs");
        }
        Tensor direction = probe.direction().to(ScalarType.Double).t();
        Tensor grad = probe.sink().grad();
        if (!grad.defined()) {
            throw new IllegalStateException(
                    pair.name() + "'s probe has no gradient: the layer takes it along in training only");
        }
        Tensor missed = grad.to(ScalarType.Double).div(new Scalar(pair.scale()));
        if (moves(Factor.B, t)) {
            // G·P_A·ω
            Tensor seen = pair.loraA().detach().to(ScalarType.Double).mm(direction);
            if (!config.has(LoftBlock.GRADIENT_SCALING)) {
                seen = basis(Factor.A).inverse().mm(seen);
            }
            missed = missed.sub(
                    state(Factor.B).scaledGrad().to(ScalarType.Double).t().mm(seen));
        }
        if (moves(Factor.A, t)) {
            // P_B of what is left
            Tensor b = pair.loraB().detach().to(ScalarType.Double);
            missed = missed.sub(b.mm(basis(Factor.B).inverse()).mm(b.t().mm(missed)));
        }
        return missed.square().sum().div_(direction.square().mean());
    }

    /** Both histories move on; the active factor is written, from the values at which the gradients were taken. */
    @Override
    public void step(long t, double learningRate, double gradScale) {
        Map<Factor, Tensor> momenta = new EnumMap<>(Factor.class);
        for (Factor factor : Factor.values()) {
            Basis basis = basis(factor.other());
            if (t > 1 && moves(factor.other(), t - 1)) {
                state(factor).transport(basis.carry(), t);
            } else if (t > 1 && config.damping() instanceof Damping.Absolute) {
                // (S + δ)⁻¹·S is not the identity
                state(factor).transport(basis.inverse().mm(basis.gram()).cpu(), t);
            }
            boolean rests = t > 1 && moves(factor, t - 1) && !moves(factor, t);
            Resting resting = rests ? new Resting(basis(factor), basis) : null;
            momenta.put(factor, state(factor).accumulate(gradScale, resting, t));
        }

        watch.look(pair.name(), index, t, () -> epsShare(t));
        Tensor kappa = rateMatch == null ? null : rateMatch.factor();
        Map<Factor, Tensor> written = new EnumMap<>(Factor.class);
        momenta.forEach((factor, momentum) -> {
            if (moves(factor, t)) {
                Tensor d = direction(factor, momentum, t);
                d = kappa == null ? d : d.mul(kappa.to(d.scalar_type()));
                if (factor == Factor.A && config.maxRelativeStep() > 0) {
                    d = bounded(d, learningRate / pair.scale());
                }
                Tensor decayed = factor.wide(pair).mul(new Scalar(1 - learningRate * decay(factor)));
                written.put(factor, decayed.sub_(d, new Scalar(learningRate / pair.scale())));
            }
        });
        written.forEach((factor, next) -> basis(factor).write(next));
    }

    /** Block 5. In the tangent space A takes {@code D·(I − P_A)}: the rest is B's. */
    private Tensor direction(Factor factor, Tensor momentum, long t) {
        Tensor k = factor.other().wide(pair);
        Tensor d = state(factor).direction(momentum, k, basis(factor.other()), t);
        if (config.tangent() && factor == Factor.A) {
            return basis(Factor.A).beyondReach(d);
        }
        return d;
    }

    /** The product decays once a step: by the factor whose turn it is, in the tangent space by B. */
    private double decay(Factor factor) {
        return config.tangent() && factor == Factor.A ? 0 : config.weightDecay();
    }

    /** The direction of A, shortened if {@code ‖B·ΔA‖_F > bound·‖B·A‖_F} with {@code ΔA = rate·d}; r×r work, no wait for the device. */
    private Tensor bounded(Tensor d, double rate) {
        Tensor gramB = basis(Factor.B).gram();
        Tensor exact = d.to(ScalarType.Double);
        Tensor step = exact.mm(exact.t()).mul_(gramB).sum().sqrt_().mul_(new Scalar(rate));
        Tensor size = basis(Factor.A).gram().mul(gramB).sum().sqrt_().mul_(new Scalar(config.maxRelativeStep()));
        // with B = 0 there is no step of A, and 0/0 stands for it
        Tensor factor = size.div(step).nan_to_num().clamp_max(new Scalar(1.0));
        return d.mul(factor.to(d.scalar_type()));
    }

    /** Share of the entries in which ε is larger than √V, for the factor that moved at step t. */
    private double epsShare(long t) {
        Factor active = Factor.activeAt(t);
        return state(active).epsShare(active.other().wide(pair), t);
    }

    @Override
    public Optional<LoftDiagnostics> diagnostics(long t) {
        double turn = 0;
        for (Factor factor : Factor.values()) {
            turn = moves(factor, t) ? Math.max(turn, basis(factor).turn()) : turn;
        }
        return Optional.of(new LoftDiagnostics(
                pair.name(), basis(Factor.A).condition(), basis(Factor.B).condition(), turn, epsShare(t), stepNorm(t)));
    }

    /** {@code ‖W_t − W_{t−1}‖_F} by r×r work: {@code ‖B·A‖² + ‖B'·A'‖² − 2·⟨B·A, B'·A'⟩}, where a factor that rested is its own A' or B'. */
    private double stepNorm(long t) {
        Tensor now = null;
        Tensor before = null;
        Tensor both = null;
        for (Factor factor : Factor.values()) {
            Tensor gram = basis(factor).presentGram();
            Tensor previous = moves(factor, t) ? basis(factor).previousGram() : gram;
            if (previous == null) {
                return 0;
            }
            Tensor inner = moves(factor, t) ? overlap(factor) : gram;
            now = now == null ? gram : now.mul(gram);
            before = before == null ? previous : before.mul(previous);
            both = both == null ? inner : both.mul(inner);
        }
        double squared = Objects.requireNonNull(now)
                .add(Objects.requireNonNull(before))
                .sub(Objects.requireNonNull(both), new Scalar(2.0))
                .sum()
                .item_double();
        return pair.scale() * Math.sqrt(Math.max(0, squared));
    }

    /** Block 1. */
    private boolean moves(Factor factor, long t) {
        return !takesTurns() || factor == Factor.activeAt(t);
    }

    private boolean takesTurns() {
        return config.has(LoftBlock.ALTERNATION) && !config.tangent();
    }

    @Override
    public void addState(Map<String, Tensor> all) {
        for (Factor factor : Factor.values()) {
            state(factor).addState(pair.name() + ".lora_" + factor, all);
        }
        if (takesTurns()) {
            all.put(pair.name() + ".overlap", overlap(Factor.A));
        } else {
            overlaps.forEach((factor, tensor) -> all.put(pair.name() + ".lora_" + factor + ".overlap", tensor));
        }
        if (rateMatch != null) {
            all.put(pair.name() + ".rate_match", rateMatch.state());
        }
    }

    @Override
    public void reloaded() {
        bases.values().forEach(Basis::reload);
    }

    private FactorState state(Factor factor) {
        return Objects.requireNonNull(states.get(factor));
    }

    private Basis basis(Factor factor) {
        return Objects.requireNonNull(bases.get(factor));
    }

    private Tensor overlap(Factor factor) {
        return Objects.requireNonNull(overlaps.get(factor));
    }

    @Override
    public void close() {
        states.values().forEach(FactorState::close);
        bases.values().forEach(Basis::close);
        if (rateMatch != null) {
            rateMatch.close();
        }
        overlap(Factor.A).close();
        if (!takesTurns()) {
            overlap(Factor.B).close();
        }
    }
}
