package org.loft4j.optim;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;

/** Optimizers that step together under one clipping norm (LoFT, block 6), each with its own learning rate. */
public final class OptimizerGroups implements AutoCloseable {
    /**
     * One optimizer of the run.
     *
     * @param name prefix of its saved state
     * @param learningRate its peak learning rate
     */
    public record Group(String name, Optimizer optimizer, double learningRate) {
        public Group {
            Checks.notNegative(name + ".learning_rate", learningRate);
        }
    }

    private final List<Group> groups;

    public OptimizerGroups(List<Group> groups) {
        this.groups = List.copyOf(groups);
    }

    /**
     * Clips and applies all gradients. If one of them is not finite, nothing changes.
     *
     * @param learningRateFactor of the schedule, multiplies each group's learning rate
     * @param maxGradNorm largest norm of all gradients together; 0 for no clipping
     */
    public StepReport step(double learningRateFactor, double maxGradNorm) {
        double squared = 0;
        for (Group group : groups) {
            squared += group.optimizer.squaredGradNorm();
        }
        double norm = Math.sqrt(squared);
        if (!Double.isFinite(norm)) {
            return new StepReport(norm, 1, true);
        }
        double coefficient = maxGradNorm > 0 ? Math.min(1, maxGradNorm / (norm + 1e-6)) : 1;
        for (Group group : groups) {
            group.optimizer.step(group.learningRate * learningRateFactor, coefficient);
        }
        return new StepReport(norm, coefficient, false);
    }

    public void zeroGrad() {
        groups.forEach(group -> group.optimizer.zeroGrad());
    }

    public List<Group> groups() {
        return groups;
    }

    /** The state of all groups, each name prefixed by its group's. */
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        for (Group group : groups) {
            group.optimizer.state().forEach((name, tensor) -> state.put(group.name + "/" + name, tensor));
        }
        return state;
    }

    /** Takes up what {@link #state} gave. */
    public void loadState(Map<String, Tensor> state) {
        for (Group group : groups) {
            Map<String, Tensor> own = new LinkedHashMap<>();
            String prefix = group.name + "/";
            state.forEach((name, tensor) -> {
                if (name.startsWith(prefix)) {
                    own.put(name.substring(prefix.length()), tensor);
                }
            });
            group.optimizer.loadState(own);
        }
    }

    @Override
    public void close() {
        groups.forEach(group -> group.optimizer.close());
    }
}
