package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Activation;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.MixtureOfExperts.SharedExpert;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Routing;
import org.loft4j.nn.Weights;

/**
 * Mixtures with an expert of all tokens that has a gate of its own, beside experts with matrices of their own, as Qwen 1.5 has them.
 *
 * @param experts their names and sizes
 * @param sharedWidth of the expert of all tokens
 */
public record SharedExpertLayout(ExpertLayout experts, long sharedWidth) implements MixtureLayout {
    private static final String SHARED = "mlp.shared_expert";
    private static final String GATE = "mlp.shared_expert_gate";

    public SharedExpertLayout {
        Checks.atLeast("shared_expert_intermediate_size", sharedWidth, 1);
    }

    @Override
    public IntPredicate at() {
        return experts.at();
    }

    @Override
    public TensorSource arranged(TensorSource source) throws CheckpointException {
        return experts.arranged(source);
    }

    @Override
    public List<ParameterSpec> parameters(int number, String block, long hidden) {
        List<ParameterSpec> specs = new ArrayList<>(experts.parameters(number, block, hidden));
        specs.addAll(Parameters.gated(block + SHARED, sharedWidth, hidden));
        specs.addAll(Parameters.linear(block + GATE, 1, hidden, false));
        return specs;
    }

    @Override
    public FeedForward feedForward(String block, Weights weights, Activation activation) {
        return new MixtureOfExperts(
                weights.linear(experts.router(block)),
                experts.experts(block, weights, activation),
                experts.chosen(),
                new Routing.Softmax(experts.normalised()),
                new SharedExpert.Gated(
                        Parameters.gated(weights, block + SHARED, activation), weights.linear(block + GATE)),
                null);
    }
}
