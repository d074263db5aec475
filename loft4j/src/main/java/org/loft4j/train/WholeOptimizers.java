package org.loft4j.train;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.loft4j.optim.AdamW;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.NamedParameter;
import org.loft4j.optim.OptimizerGroups;

/** AdamW over parameters that are trained themselves: a whole model's, or those of modules beside an adapter. */
final class WholeOptimizers {
    private WholeOptimizers() {}

    /** Two groups where there is a decay: vectors (biases and norms) are not pulled to zero. */
    static void add(
            List<OptimizerGroups.Group> groups,
            String name,
            List<NamedParameter> parameters,
            TrainConfig config,
            double learningRate) {
        Map<Boolean, List<NamedParameter>> kinds =
                parameters.stream().collect(Collectors.partitioningBy(WholeOptimizers::isMatrix));
        List<NamedParameter> matrices = kinds.getOrDefault(true, List.of());
        List<NamedParameter> vectors = kinds.getOrDefault(false, List.of());
        if (!matrices.isEmpty()) {
            AdamW optimizer = new AdamW(matrices, adamW(config, config.weightDecay()));
            groups.add(new OptimizerGroups.Group(name, optimizer, learningRate));
        }
        if (!vectors.isEmpty()) {
            groups.add(
                    new OptimizerGroups.Group(name + "_no_decay", new AdamW(vectors, adamW(config, 0)), learningRate));
        }
    }

    /** Biases of stacked experts lie in a matrix, one beside the other. */
    private static boolean isMatrix(NamedParameter parameter) {
        return parameter.tensor().dim() >= 2 && !parameter.name().endsWith("bias");
    }

    private static AdamWConfig adamW(TrainConfig config, double weightDecay) {
        return new AdamWConfig(config.beta1(), config.beta2(), config.eps(), weightDecay);
    }
}
