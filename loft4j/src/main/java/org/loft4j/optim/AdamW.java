package org.loft4j.optim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.stream.Stream;
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
    /** Elements of a large parameter that are one lane's work. */
    private static final long RANGE = 1 << 20;

    /** A parameter with its moments. */
    private record Slot(NamedParameter parameter, Moments moments) {
        /** In ranges, so that the largest parameter does not keep all others waiting. */
        Stream<Part> parts() {
            Tensor p = parameter.tensor();
            if (p.is_cuda() || !p.is_contiguous()) {
                return Stream.of(new Part(this, 0, p.numel()));
            }
            return LongStream.iterate(0, from -> from == 0 || from < p.numel(), from -> from + RANGE)
                    .mapToObj(from -> new Part(this, from, Math.min(RANGE, p.numel() - from)));
        }
    }

    /** Some elements of a parameter, in a row. */
    private record Part(Slot slot, long from, long count) {
        Tensor of(Tensor tensor) {
            return count == tensor.numel() ? tensor : tensor.reshape(-1).narrow(0, from, count);
        }

        Tensor gradient() {
            return of(Gradients.of(slot.parameter));
        }
    }

    private final List<Slot> slots = new ArrayList<>();
    private final InLanes<Part> inLanes;
    private final StepCounter steps = new StepCounter();

    public AdamW(List<NamedParameter> parameters, AdamWConfig config) {
        try (NativeScope scope = new NativeScope()) {
            for (NamedParameter parameter : parameters) {
                slots.add(new Slot(parameter, new Moments(parameter.tensor().detach(), config)));
            }
        }
        inLanes = new InLanes<>(
                slots.stream().flatMap(Slot::parts).toList(), part -> List.of(part.slot.parameter.tensor()));
    }

    @Override
    public double squaredGradNorm() {
        return inLanes.sum((part, sum) -> Gradients.addSquaredNorm(part.gradient(), sum));
    }

    @Override
    public void step(double learningRate, double gradScale) {
        long t = steps.next();
        inLanes.each(part -> {
            Tensor p = part.of(part.slot.parameter.tensor().detach());
            part.slot.moments.some(part::of).step(p, part.gradient(), gradScale, t, learningRate);
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
