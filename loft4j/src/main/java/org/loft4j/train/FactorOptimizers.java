package org.loft4j.train;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.optim.AdamW;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.NamedParameter;
import org.loft4j.optim.Optimizer;
import org.loft4j.optim.OptimizerGroups.Group;

/** The optimizer that a method puts on the factors of an adapter. */
final class FactorOptimizers {
    private FactorOptimizers() {}

    /** One group, or several where parts of the adapter have learning rates of their own. */
    static List<Group> groups(LoraAdapter adapter, TrainConfig config) {
        double rate = config.learningRate();
        return switch (config.method()) {
            case LOFT -> List.of(new Group("factors", Loft.adamW(pairs(adapter), loft(config)), rate));
            case LOFT_SIMPLE -> List.of(new Group("factors", Loft.simple(pairs(adapter), loft(config)), rate));
            case LOFT_SGD -> List.of(new Group("factors", Loft.sgd(pairs(adapter), loft(config)), rate));
            case LOFT_LION -> List.of(new Group("factors", Loft.lion(pairs(adapter), loft(config)), rate));
            case LOFT_MUON -> List.of(new Group("factors", Loft.muon(pairs(adapter), loft(config)), rate));
            case LORA -> List.of(new Group("factors", factorwise(adapter, config), rate));
            case DORA ->
                List.of(
                        new Group("factors", factorwise(adapter, config), rate),
                        new Group("magnitudes", magnitudes(adapter, config), rate));
            case FULL -> throw new IllegalArgumentException("full fine-tuning has no factors");
        };
    }

    private static Optimizer factorwise(LoraAdapter adapter, TrainConfig config) {
        List<NamedParameter> factors = new ArrayList<>();
        for (LoraLinear layer : adapter.layers().values()) {
            factors.add(new NamedParameter(layer.path() + ".lora_A", layer.loraA()));
            factors.add(new NamedParameter(layer.path() + ".lora_B", layer.loraB()));
        }
        return new AdamW(factors, new AdamWConfig(config.beta1(), config.beta2(), config.eps(), config.weightDecay()));
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
        return new AdamW(magnitudes, new AdamWConfig(config.beta1(), config.beta2(), config.eps(), 0));
    }

    private static List<LowRankPair> pairs(LoraAdapter adapter) {
        return adapter.layers().values().stream()
                .map(layer -> new LowRankPair(layer.path(), layer.loraA(), layer.loraB(), layer.scale()))
                .toList();
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
                base.reference());
    }
}
