package org.loft4j.optim;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
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

    private static final String LOSS_SCALE = "loss_scale";

    private final List<Group> groups;
    private final @Nullable LossScale lossScale;

    public OptimizerGroups(List<Group> groups) {
        this(groups, null);
    }

    /** @param lossScale of what the gradients are taken; closed with this; null for the loss as it is */
    public OptimizerGroups(List<Group> groups, @Nullable LossScale lossScale) {
        this.groups = List.copyOf(groups);
        this.lossScale = lossScale;
    }

    /** What the loss is to be multiplied by before the backward pass: a power of two, 1 but for a {@link LossScale}. */
    public double lossScale() {
        return lossScale == null ? 1 : lossScale.value();
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
        double scale = lossScale();
        double norm = Math.sqrt(squared) / scale;
        if (lossScale != null) {
            lossScale.after(Double.isFinite(norm));
        }
        if (!Double.isFinite(norm)) {
            return new StepReport(norm, 1, true);
        }
        double coefficient = maxGradNorm > 0 ? Math.min(1, maxGradNorm / (norm + 1e-6)) : 1;
        for (Group group : groups) {
            group.optimizer.step(group.learningRate * learningRateFactor, coefficient / scale);
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
        if (lossScale != null) {
            state.put(LOSS_SCALE, lossScale.state());
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
        // a run of before there was one begins anew with it
        Tensor saved = state.get(LOSS_SCALE);
        if (lossScale != null && saved != null) {
            SavedState.copyInto(Map.of(LOSS_SCALE, lossScale.state()), Map.of(LOSS_SCALE, saved));
        }
    }

    @Override
    public void close() {
        if (lossScale != null) {
            lossScale.close();
        }
        groups.forEach(group -> group.optimizer.close());
    }
}
