package org.loft4j.optim;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.NativeScope;

/**
 * LoFT (Tastan, Laskaridis, Takáč, Nandakumar, Horváth, "LoFT: Low-Rank Adaptation That Behaves Like Full Fine-Tuning", ICLR
 * 2026, arXiv 2505.21289): each step changes {@code W = W0 + s·B·A} by the closest that the factors can express to the change
 * that AdamW on W would have made. One factor moves a step, B on steps 1, 3, 5 …, A on steps 2, 4, 6 … There is no alpha: the
 * trajectory of W does not depend on it, and at full rank it is AdamW's.
 */
public final class Loft implements Optimizer {
    private final List<LoftPair> pairs = new ArrayList<>();
    private final List<CrossTerms> algebras = new ArrayList<>();
    private final StepCounter steps = new StepCounter();

    private Loft() {}

    /** LoFT-AdamW, all six blocks. State: {@code (m + n)·(r + r(r+1)/2)} floats a pair. */
    public static Loft adamW(List<LowRankPair> pairs, LoftConfig config) {
        Loft loft = new Loft();
        Map<Integer, CrossTerms> byRank = new HashMap<>();
        for (LowRankPair pair : pairs) {
            CrossTerms algebra = byRank.computeIfAbsent(
                    (int) pair.rank(), rank -> new CrossTerms(rank, DeviceSpec.of(pair.loraA())));
            loft.pairs.add(new LoftPair(pair, config, wide -> new CrossTermMoment(config, algebra, wide)));
        }
        loft.algebras.addAll(byRank.values());
        return loft;
    }

    /**
     * LoFT-simple: alternation, scaled gradients, carried-over momentum and aligned clipping, with an elementwise second
     * moment in factor space. State: LoRA's, {@code 2·(m + n)·r} floats a pair.
     */
    public static Loft simple(List<LowRankPair> pairs, LoftConfig config) {
        Loft loft = new Loft();
        for (LowRankPair pair : pairs) {
            loft.pairs.add(new LoftPair(pair, config, wide -> new FactorMoment(config, wide)));
        }
        return loft;
    }

    @Override
    public double squaredGradNorm() {
        Factor active = Factor.activeAt(steps.taken() + 1);
        try (NativeScope scope = new NativeScope()) {
            NormSum norm = new NormSum();
            pairs.forEach(pair -> pair.scaleGradients(active, norm));
            return norm.value();
        }
    }

    @Override
    public void step(double learningRate, double gradScale) {
        long t = steps.next();
        Factor active = Factor.activeAt(t);
        for (LoftPair pair : pairs) {
            try (NativeScope scope = new NativeScope()) {
                pair.step(active, t, learningRate, gradScale);
            }
        }
    }

    @Override
    public void zeroGrad() {
        pairs.forEach(LoftPair::zeroGrad);
    }

    @Override
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        pairs.forEach(pair -> pair.addState(state));
        state.put("step", steps.tensor());
        return state;
    }

    @Override
    public void loadState(Map<String, Tensor> state) {
        SavedState.copyInto(state(), state);
        pairs.forEach(LoftPair::renewBases);
    }

    @Override
    public void close() {
        pairs.forEach(LoftPair::close);
        pairs.clear();
        algebras.forEach(CrossTerms::close);
        algebras.clear();
        steps.close();
    }
}
