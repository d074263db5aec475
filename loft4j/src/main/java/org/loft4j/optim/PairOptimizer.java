package org.loft4j.optim;

import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;

/** An optimizer that moves each pair of factors by a rule of its own, independent of all other pairs. */
final class PairOptimizer implements Optimizer {
    private final List<PairRule> rules;
    private final InLanes<PairRule> inLanes;
    private final StepCounter steps = new StepCounter();

    PairOptimizer(List<? extends PairRule> rules) {
        this.rules = List.copyOf(rules);
        // the largest first: at the end the lanes wait for each other no longer than a small one takes
        List<PairRule> largestFirst = this.rules.stream()
                .sorted(Comparator.comparingLong(PairOptimizer::entries).reversed())
                .toList();
        this.inLanes = new InLanes<>(
                largestFirst, rule -> List.of(rule.pair().loraA(), rule.pair().loraB()));
    }

    /** Of W, to which the work is in proportion. */
    private static long entries(PairRule rule) {
        return rule.pair().loraA().size(1) * rule.pair().loraB().size(0);
    }

    @Override
    public double squaredGradNorm() {
        long t = steps.taken() + 1;
        Basis.refresh(rules.stream().flatMap(rule -> rule.bases().stream()).toList());
        return inLanes.sum((rule, norm) -> rule.readGradients(t, norm));
    }

    @Override
    public void step(double learningRate, double gradScale) {
        long t = steps.next();
        inLanes.each(rule -> rule.step(t, learningRate, gradScale));
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
        inLanes.each(PairRule::reloaded);
    }

    @Override
    public void close() {
        rules.forEach(PairRule::close);
        steps.close();
    }
}
