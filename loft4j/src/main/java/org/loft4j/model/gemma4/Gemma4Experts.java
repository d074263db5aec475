package org.loft4j.model.gemma4;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.Experts;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.Linear;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.ParameterSpec.Role;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.Routing;
import org.loft4j.nn.UnweightedNorm;
import org.loft4j.nn.Weights;

/**
 * The mixtures of Gemma 4 26B-A4B, beside the dense feed-forward part of each block: experts whose matrices are one tensor a kind, and
 * norms of their own.
 *
 * @param count of the experts
 * @param chosen how many of them a token goes through
 * @param width of an expert
 */
record Gemma4Experts(int count, int chosen, long width) {
    private static final String ROUTER = "router.proj";
    private static final String ROUTER_SCALE = "router.scale";
    private static final String SCALES = "router.per_expert_scale";
    private static final String EXPERTS = "experts";
    private static final String GATE_UP = EXPERTS + ".gate_up_proj";
    private static final String DOWN = EXPERTS + ".down_proj";
    private static final String BEFORE = "pre_feedforward_layernorm_2.weight";
    private static final String BEHIND = "post_feedforward_layernorm_2.weight";
    private static final String BEHIND_DENSE = "post_feedforward_layernorm_1.weight";

    Gemma4Experts {
        Checks.atLeast("num_experts", count, 1);
        Checks.within("top_k_experts", chosen, 1, count);
        Checks.atLeast("moe_intermediate_size", width, 1);
    }

    /** The parameters of a block's mixture, in the order of use; the router is always kept in the dtype of the model. */
    List<ParameterSpec> parameters(String path, long hidden) {
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(path + BEHIND_DENSE, Initial.ONES, hidden));
        specs.add(new ParameterSpec(path + ROUTER_SCALE, Initial.ONES, hidden));
        specs.addAll(Parameters.outputLinear(path + ROUTER, count, hidden, false));
        specs.add(new ParameterSpec(path + SCALES, Initial.ONES, count));
        specs.add(new ParameterSpec(path + BEFORE, Initial.ONES, hidden));
        specs.add(new ParameterSpec(path + GATE_UP, Initial.NORMAL, Role.STACKED_LINEAR, count, 2 * width, hidden));
        specs.add(new ParameterSpec(path + DOWN, Initial.NORMAL, Role.STACKED_LINEAR, count, hidden, width));
        specs.add(new ParameterSpec(path + BEHIND, Initial.ONES, hidden));
        return specs;
    }

    /**
     * The mixture of a block with its dense part.
     *
     * @param before norm before the dense part
     */
    FeedForward beside(FeedForward.Gated dense, Norm before, String path, Weights weights, double eps) {
        Linear router = weights.linear(path + ROUTER);
        String block = router.path().substring(0, router.path().length() - ROUTER.length());
        Tensor scale = weights.get(path + ROUTER_SCALE);
        double root = 1 / Math.sqrt(router.inFeatures());
        Norm plain = new UnweightedNorm(eps);
        return new MixtureOfExperts(
                router,
                new Experts.Stacked(
                        block + EXPERTS,
                        weights.stack(path + GATE_UP, count, false),
                        null,
                        weights.stack(path + DOWN, count, false),
                        null,
                        (gateUp, down) -> new FeedForward.FusedGated(gateUp, down, dense.activation())),
                chosen,
                new Routing.Softmax(true),
                new MixtureOfExperts.SharedExpert.Normed(before, dense, norm(weights, path + BEHIND_DENSE, eps)),
                new MixtureOfExperts.Norms(
                        x -> plain.forward(x).mul(scale).mul(new Scalar(root)),
                        weights.get(path + SCALES),
                        norm(weights, path + BEFORE, eps),
                        norm(weights, path + BEHIND, eps)));
    }

    private static Norm norm(Weights weights, String name, double eps) {
        return new RmsNorm(name, weights.get(name), eps);
    }
}
