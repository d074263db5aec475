package org.loft4j.optim;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;

/** An optimizer that moves each pair of factors by a rule of its own, independent of all other pairs. */
final class PairOptimizer implements Optimizer {
    private final List<PairRule> rules;
    /** What is worked on side by side: single pairs on the processor; all in a row on a device, which the host does not wait for. */
    private final List<List<PairRule>> parts;

    private final StepCounter steps = new StepCounter();

    PairOptimizer(List<? extends PairRule> rules) {
        this.rules = List.copyOf(rules);
        this.parts = onProcessor() ? this.rules.stream().map(List::of).toList() : List.of(this.rules);
    }

    private boolean onProcessor() {
        return rules.stream().allMatch(rule -> !rule.pair().loraA().is_cuda());
    }

    @Override
    public double squaredGradNorm() {
        long t = steps.taken() + 1;
        double[] norms = new double[parts.size()];
        Lanes.run(parts.size(), i -> {
            NormSum norm = new NormSum();
            parts.get(i).forEach(rule -> rule.readGradients(t, norm));
            norms[i] = norm.value();
        });
        return Arrays.stream(norms).sum();
    }

    @Override
    public void step(double learningRate, double gradScale) {
        long t = steps.next();
        Lanes.run(parts.size(), i -> {
            for (PairRule rule : parts.get(i)) {
                try (NativeScope scope = new NativeScope()) {
                    rule.step(t, learningRate, gradScale);
                }
            }
        });
    }

    @Override
    public void zeroGrad() {
        for (PairRule rule : rules) {
            Gradients.drop(rule.pair().loraA());
            Gradients.drop(rule.pair().loraB());
            GradientProbe probe = rule.pair().probe();
            if (probe != null) {
                Gradients.drop(probe.sink());
            }
        }
    }

    @Override
    public List<LoftDiagnostics> diagnostics() {
        long t = steps.taken();
        try (NativeScope scope = new NativeScope()) {
            return t == 0
                    ? List.of()
                    : rules.stream()
                            .flatMap(rule -> rule.diagnostics(t).stream())
                            .toList();
        }
    }

    @Override
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        rules.forEach(rule -> rule.addState(state));
        state.put("step", steps.tensor());
        return state;
    }

    @Override
    public void loadState(Map<String, Tensor> state) {
        SavedState.copyInto(state(), state);
        // where a step would have computed it, so that it is rounded alike
        Lanes.run(parts.size(), i -> parts.get(i).forEach(PairRule::reloaded));
    }

    @Override
    public void close() {
        rules.forEach(PairRule::close);
        steps.close();
    }
}
