package org.loft4j.model.gptoss;

import java.util.List;
import java.util.function.IntPredicate;
import org.loft4j.Checks;
import org.loft4j.model.shared.MixtureLayout;
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
 * The mixtures of gpt-oss: a router with a bias, and experts whose matrices are one tensor a kind.
 *
 * @param count of the experts
 * @param chosen how many of them a token goes through
 * @param width of an expert
 * @param packed the blocks whose experts are in MXFP4
 */
record GptOssExperts(int count, int chosen, long width, IntPredicate packed) implements MixtureLayout {
    private static final FeedForward.Clamped.Shape SHAPE = new FeedForward.Clamped.Shape(7, 1.702);
    private static final String ROUTER = "mlp.router";
    private static final String EXPERTS = "mlp.experts";
    private static final String GATE_UP = EXPERTS + ".gate_up_proj";
    private static final String DOWN = EXPERTS + ".down_proj";
    private static final String BIAS = "_bias";

    GptOssExperts {
        Checks.atLeast("num_local_experts", count, 1);
        Checks.within("num_experts_per_tok", chosen, 1, count);
    }

    @Override
    public IntPredicate at() {
        return block -> true;
    }

    @Override
    public List<ParameterSpec> parameters(int number, String block, long hidden) {
        return List.of(
                new ParameterSpec(block + ROUTER + ".weight", Initial.NORMAL, count, hidden),
                new ParameterSpec(block + ROUTER + ".bias", Initial.NORMAL, count),
                matrices(number, block + GATE_UP, 2 * width, hidden),
                new ParameterSpec(block + GATE_UP + BIAS, Initial.ZEROS, count, 2 * width),
                matrices(number, block + DOWN, hidden, width),
                new ParameterSpec(block + DOWN + BIAS, Initial.ZEROS, count, hidden));
    }

    /** Transposed where they are not packed. */
    private ParameterSpec matrices(int number, String name, long out, long in) {
        return packed.test(number)
                ? new ParameterSpec(name, Initial.NORMAL, Role.MXFP4, count, out, in)
                : new ParameterSpec(name, Initial.NORMAL, count, in, out);
    }

    @Override
    public FeedForward feedForward(String block, Weights weights, Activation activation) {
        Linear router = weights.linear(block + ROUTER);
        return new MixtureOfExperts(
                router,
                new Experts.Stacked(
                        router.path().substring(0, router.path().length() - ROUTER.length()) + EXPERTS,
                        weights.stack(block + GATE_UP, count, true),
                        weights.get(block + GATE_UP + BIAS),
                        weights.stack(block + DOWN, count, true),
                        weights.get(block + DOWN + BIAS),
                        (gateUp, down) -> new FeedForward.Clamped(gateUp, down, SHAPE)),
                chosen,
                new Routing.Softmax(true),
                null,
                null);
    }
}
