package org.loft4j.optim;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.loft4j.tensor.NativeScope;

/**
 * One pair whose gradients are scaled before AdamW takes its step on the factors. Both scalings use the factors at which the
 * gradients were taken. Clipping uses the raw gradients of the factors that move.
 */
final class ScaledAdamWPair implements PairRule {
    private final LowRankPair pair;
    private final GradientScaling scaling;
    private final Set<Factor> moving;
    private final Map<Factor, Moments> moments = new EnumMap<>(Factor.class);

    ScaledAdamWPair(LowRankPair pair, AdamWConfig config, GradientScaling scaling, Set<Factor> moving) {
        this.pair = pair;
        this.scaling = scaling;
        this.moving = EnumSet.copyOf(moving);
        try (NativeScope scope = new NativeScope()) {
            moving.forEach(factor -> moments.put(factor, new Moments(factor.wide(pair), config)));
        }
    }

    @Override
    public LowRankPair pair() {
        return pair;
    }

    @Override
    public List<Basis> bases() {
        return scaling.bases();
    }

    @Override
    public void readGradients(long t, NormSum norm) {
        moving.forEach(factor -> norm.add(factor.wideGrad(pair).square().sum()));
    }

    @Override
    public void step(long t, double learningRate, double gradScale) {
        Map<Factor, Tensor> scaled = new EnumMap<>(Factor.class);
        for (Factor factor : moving) {
            Tensor grad = factor.wideGrad(pair).to(ScalarType.Double).mul(new Scalar(gradScale));
            scaled.put(factor, scaling.scale(factor, grad, t));
        }
        scaled.forEach((factor, grad) -> {
            Tensor f = factor.wide(pair);
            moments(factor).step(f, grad.to(f.scalar_type()), 1, t, learningRate);
        });
        scaling.written();
    }

    @Override
    public void addState(Map<String, Tensor> all) {
        moving.forEach(factor -> moments(factor).addState(pair.name() + ".lora_" + factor, all));
    }

    @Override
    public void reloaded() {
        scaling.reloaded();
    }

    private Moments moments(Factor factor) {
        return Objects.requireNonNull(moments.get(factor));
    }

    @Override
    public void close() {
        moments.values().forEach(Moments::close);
        scaling.close();
    }
}
