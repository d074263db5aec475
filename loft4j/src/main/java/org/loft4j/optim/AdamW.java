package org.loft4j.optim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;

/**
 * AdamW with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2), in the order of operations of
 * libtorch's own:
 *
 * <pre>
 * p ← (1 − η·λ)·p
 * m ← β₁·m + (1 − β₁)·g        v ← β₂·v + (1 − β₂)·g²
 * p ← p − η/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 * </pre>
 */
public final class AdamW implements Optimizer {
    /** A parameter with its moments. */
    private record Slot(NamedParameter parameter, Moments moments) {}

    private final List<Slot> slots = new ArrayList<>();
    private final InLanes<Slot> inLanes;
    private final StepCounter steps = new StepCounter();

    public AdamW(List<NamedParameter> parameters, AdamWConfig config) {
        try (NativeScope scope = new NativeScope()) {
            for (NamedParameter parameter : parameters) {
                slots.add(new Slot(parameter, new Moments(parameter.tensor().detach(), config)));
            }
        }
        inLanes = new InLanes<>(slots, slot -> slot.parameter.tensor());
    }

    @Override
    public double squaredGradNorm() {
        return inLanes.sum((slot, sum) -> Gradients.addSquaredNorm(slot.parameter, sum));
    }

    @Override
    public void step(double learningRate, double gradScale) {
        long t = steps.next();
        inLanes.each(slot -> {
            Tensor p = slot.parameter.tensor().detach();
            slot.moments.step(p, Gradients.of(slot.parameter), gradScale, t, learningRate);
        });
    }

    @Override
    public void zeroGrad() {
        slots.forEach(slot -> Gradients.drop(slot.parameter.tensor()));
    }

    @Override
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        for (Slot slot : slots) {
            slot.moments.addState(slot.parameter.name(), state);
        }
        state.put("step", steps.tensor());
        return state;
    }

    @Override
    public void loadState(Map<String, Tensor> state) {
        SavedState.copyInto(state(), state);
    }

    @Override
    public void close() {
        slots.forEach(slot -> slot.moments.close());
        slots.clear();
        steps.close();
    }
}
