package org.loft4j.model.qwen35;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.loft4j.Checks;
import org.loft4j.io.ExpertStacks;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.MixtureLayout;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Experts;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.Linear;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.ParameterSpec.Role;
import org.loft4j.nn.Routing;
import org.loft4j.nn.Weights;

/**
 * The mixtures of Qwen 3.5: a router, experts whose matrices are one tensor a kind, and an expert of all tokens with a gate of its
 * own.
 *
 * @param count of the experts
 * @param chosen how many of them a token goes through
 * @param width of an expert
 * @param sharedWidth of the expert of all tokens
 */
record Qwen35Experts(int count, int chosen, long width, long sharedWidth) implements MixtureLayout {
    private static final String ROUTER = "mlp.gate";
    private static final String EXPERTS = "mlp.experts";
    private static final String GATE_UP = EXPERTS + ".gate_up_proj";
    private static final String DOWN = EXPERTS + ".down_proj";
    private static final String SHARED = "mlp.shared_expert";
    private static final String SHARED_GATE = "mlp.shared_expert_gate";

    Qwen35Experts {
        Checks.atLeast("num_experts", count, 1);
        Checks.within("num_experts_per_tok", chosen, 1, count);
        Checks.atLeast("moe_intermediate_size", width, 1);
        Checks.atLeast("shared_expert_intermediate_size", sharedWidth, 1);
    }

    @Override
    public IntPredicate at() {
        return block -> true;
    }

    /** Transformers saves each expert by itself where the model was not read from a file that has them in one tensor. */
    @Override
    public TensorSource arranged(TensorSource source) {
        return ExpertStacks.of(source);
    }

    @Override
    public boolean isUnused(String name) {
        return ExpertStacks.isPart(name);
    }

    /** The router is always kept in the dtype of the model. */
    @Override
    public List<ParameterSpec> parameters(int number, String block, long hidden) {
        List<ParameterSpec> specs = new ArrayList<>(Parameters.outputLinear(block + ROUTER, count, hidden, false));
        specs.add(new ParameterSpec(block + GATE_UP, Initial.NORMAL, Role.STACKED_LINEAR, count, 2 * width, hidden));
        specs.add(new ParameterSpec(block + DOWN, Initial.NORMAL, Role.STACKED_LINEAR, count, hidden, width));
        specs.addAll(Parameters.gated(block + SHARED, sharedWidth, hidden));
        specs.addAll(Parameters.linear(block + SHARED_GATE, 1, hidden, false));
        return specs;
    }

    @Override
    public FeedForward feedForward(String block, Weights weights, Activation activation) {
        Linear router = weights.linear(block + ROUTER);
        String module = router.path().substring(0, router.path().length() - ROUTER.length());
        return new MixtureOfExperts(
                router,
                new Experts.Stacked(
                        module + EXPERTS,
                        weights.stack(block + GATE_UP, count, false),
                        null,
                        weights.stack(block + DOWN, count, false),
                        null,
                        (gateUp, down) -> new FeedForward.FusedGated(gateUp, down, activation)),
                chosen,
                new Routing.Softmax(true),
                new MixtureOfExperts.SharedExpert.Gated(
                        Parameters.gated(weights, block + SHARED, activation), weights.linear(block + SHARED_GATE)),
                null);
    }
}
