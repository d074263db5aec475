package org.loft4j.train;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.optim.AdamW;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.AltLora;
import org.loft4j.optim.GradientProbe;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LoraFa;
import org.loft4j.optim.LoraPlus;
import org.loft4j.optim.LoraPro;
import org.loft4j.optim.LoraRite;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.NamedParameter;
import org.loft4j.optim.Optimizer;
import org.loft4j.optim.OptimizerGroups.Group;
import org.loft4j.optim.RefLora;
import org.loft4j.optim.ScaledGd;

/** The optimizer that a method puts on the factors of an adapter. */
public final class FactorOptimizers {
    private FactorOptimizers() {}

    /**
     * One group, or several where parts of the adapter have learning rates of their own. Where the rate is matched, the adapter
     * gets its probes, whose directions are to be drawn before each step.
     */
    public static List<Group> groups(LoraAdapter adapter, TrainConfig config) {
        if (config.loft().matchesRate(config.method())) {
            adapter.addProbes();
        }
        List<LowRankPair> pairs = pairs(adapter);
        AdamWConfig adamW = adamW(config);
        return switch (config.method()) {
            case LOFT -> one(Loft.adamW(pairs, loft(config)), config);
            case LOFT_TANGENT -> one(Loft.tangent(pairs, loft(config)), config);
            case LOFT_SIMPLE -> one(Loft.simple(pairs, loft(config)), config);
            case LOFT_SGD -> one(Loft.sgd(pairs, loft(config)), config);
            case LOFT_LION -> one(Loft.lion(pairs, loft(config)), config);
            case LOFT_MUON -> one(Loft.muon(pairs, loft(config)), config);
            case LORA, RSLORA -> one(factorwise(adapter, config), config);
            case DORA ->
                List.of(
                        new Group("factors", factorwise(adapter, config), config.learningRate()),
                        new Group("magnitudes", magnitudes(adapter, config), config.learningRate()));
            case LORA_PLUS ->
                LoraPlus.groups(
                        pairs, adamW, config.learningRate(), config.peers().loraPlusRatio());
            case LORA_FA -> one(LoraFa.of(pairs, adamW), config);
            case SCALED_GD -> one(ScaledGd.of(pairs, adamW), config);
            case LORA_PRO -> one(LoraPro.of(pairs, adamW), config);
            case ALTLORA -> one(AltLora.of(pairs, adamW), config);
            case ALTLORA_PLUS -> one(AltLora.plus(pairs, adamW), config);
            case LORA_RITE -> one(LoraRite.of(pairs, adamW), config);
            case REFLORA -> one(RefLora.of(pairs, adamW, config.peers().refLoraWarmup()), config);
            case FULL -> throw new IllegalArgumentException("full fine-tuning has no factors");
        };
    }

    private static List<Group> one(Optimizer optimizer, TrainConfig config) {
        return List.of(new Group("factors", optimizer, config.learningRate()));
    }

    private static Optimizer factorwise(LoraAdapter adapter, TrainConfig config) {
        List<NamedParameter> factors = new ArrayList<>();
        for (LoraLinear layer : adapter.layers().values()) {
            factors.add(new NamedParameter(layer.path() + ".lora_A", layer.loraA()));
            factors.add(new NamedParameter(layer.path() + ".lora_B", layer.loraB()));
        }
        return new AdamW(factors, adamW(config));
    }

    private static AdamWConfig adamW(TrainConfig config) {
        return new AdamWConfig(config.beta1(), config.beta2(), config.eps(), config.weightDecay());
    }

    /** DoRA's vectors are not pulled to zero. */
    private static Optimizer magnitudes(LoraAdapter adapter, TrainConfig config) {
        List<NamedParameter> magnitudes = new ArrayList<>();
        for (LoraLinear layer : adapter.layers().values()) {
            Tensor magnitude = layer.magnitude();
            if (magnitude != null) {
                magnitudes.add(new NamedParameter(layer.path() + ".lora_magnitude_vector", magnitude));
            }
        }
        return new AdamW(magnitudes, adamW(config).withWeightDecay(0));
    }

    private static List<LowRankPair> pairs(LoraAdapter adapter) {
        return adapter.layers().values().stream()
                .map(layer -> new LowRankPair(layer.path(), layer.loraA(), layer.loraB(), layer.scale(), probe(layer)))
                .toList();
    }

    private static @Nullable GradientProbe probe(LoraLinear layer) {
        Tensor direction = layer.probeDirection();
        Tensor sink = layer.probeSink();
        return direction == null || sink == null ? null : new GradientProbe(direction, sink);
    }

    private static LoftConfig loft(TrainConfig config) {
        LoftConfig base = config.loft().reference() ? LoftConfig.publishedCode() : LoftConfig.defaults();
        return new LoftConfig(
                config.beta1(),
                config.beta2(),
                config.eps(),
                config.weightDecay(),
                base.damping(),
                config.loft().without(),
                config.loft().maxStep(),
                base.reference(),
                false,
                config.loft().matchesRate(config.method()),
                config.loft().bfloat16CrossTerms());
    }
}
