package org.loft4j.model.llama4;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import org.loft4j.Checks;
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
 * The mixtures of Llama 4: a router, experts whose matrices are one tensor a kind, each {@code (in, out)}, and an expert of all tokens,
 * as wide as they.
 *
 * @param count of the experts
 * @param chosen how many of them a token goes through
 * @param width of an expert
 * @param at the blocks, by number, that have a mixture
 */
record Llama4Experts(int count, int chosen, long width, IntPredicate at) implements MixtureLayout {
    private static final String ROUTER = Llama4Blocks.FEED_FORWARD + ".router";
    private static final String EXPERTS = Llama4Blocks.FEED_FORWARD + ".experts";
    private static final String GATE_UP = EXPERTS + ".gate_up_proj";
    private static final String DOWN = EXPERTS + ".down_proj";
    private static final String SHARED = Llama4Blocks.FEED_FORWARD + ".shared_expert";

    Llama4Experts {
        Checks.atLeast("num_local_experts", count, 1);
        Checks.within("num_experts_per_tok", chosen, 1, count);
    }

    /** The router is always kept in the dtype of the model. */
    @Override
    public List<ParameterSpec> parameters(int number, String block, long hidden) {
        List<ParameterSpec> specs = new ArrayList<>(Parameters.outputLinear(block + ROUTER, count, hidden, false));
        specs.add(matrices(block + GATE_UP, hidden, 2 * width));
        specs.add(matrices(block + DOWN, width, hidden));
        specs.addAll(Parameters.gated(block + SHARED, width, hidden));
        return specs;
    }

    private ParameterSpec matrices(String name, long in, long out) {
        return new ParameterSpec(name, Initial.NORMAL, Role.TRANSPOSED_STACKED_LINEAR, count, in, out);
    }

    @Override
    public FeedForward feedForward(String block, Weights weights, Activation activation) {
        Linear router = weights.linear(block + ROUTER);
        String module = router.path().substring(0, router.path().length() - ROUTER.length());
        Experts.Stacked experts = new Experts.Stacked(
                module + EXPERTS,
                weights.stack(block + GATE_UP, count, true),
                null,
                weights.stack(block + DOWN, count, true),
                null,
                (gateUp, down) -> new FeedForward.FusedGated(gateUp, down, activation));
        return new MixtureOfExperts(
                router,
                experts.exchanged(),
                chosen,
                new Routing.Gates(),
                new MixtureOfExperts.SharedExpert.Plain(Parameters.gated(weights, block + SHARED, activation)),
                null);
    }
}
