package org.loft4j.model.granite;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ExpertLayout;
import org.loft4j.model.shared.MixtureLayout;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Experts;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.Linear;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.MixtureOfExperts.SharedExpert;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.ParameterSpec.Role;
import org.loft4j.nn.Routing;
import org.loft4j.nn.Weights;

/**
 * The mixtures of Granite, by the names that files have: a router, and experts whose matrices are one tensor a kind. The weights of a
 * token's experts sum to one.
 *
 * @param count of the experts
 * @param chosen how many of them a token goes through
 * @param width of an expert
 */
record GraniteExperts(int count, int chosen, long width) implements MixtureLayout {
    /** How many experts there are. */
    static final String COUNT = "num_local_experts";

    /** Of a mixture; the last is of a loss that {@code output_router_logits} asks for. */
    static final Set<String> KEYS =
            Set.of(COUNT, "num_experts_per_tok", "output_router_logits", "router_aux_loss_coef");

    private static final String MODULE = "block_sparse_moe";
    private static final String ROUTER = MODULE + ".router.layer";
    private static final String GATE_UP = MODULE + ".input_linear.weight";
    private static final String DOWN = MODULE + ".output_linear.weight";

    GraniteExperts {
        Checks.atLeast(COUNT, count, 1);
        Checks.within("num_experts_per_tok", chosen, 1, count);
        Checks.atLeast("intermediate_size", width, 1);
    }

    /** Those of a config.json; null where it says that there are none. */
    static @Nullable GraniteExperts from(JsonObject json) throws CheckpointException {
        int count = json.intOr(COUNT, 8, 0);
        if (count == 0) {
            return null;
        }
        ExpertLayout.requirePlainRouter(json);
        return new GraniteExperts(
                count, json.intOr("num_experts_per_tok", 2, 0), json.longOr("intermediate_size", 11008));
    }

    @Override
    public IntPredicate at() {
        return block -> true;
    }

    /** The router is always kept in the dtype of the model. */
    @Override
    public List<ParameterSpec> parameters(int number, String block, long hidden) {
        List<ParameterSpec> specs = new ArrayList<>(Parameters.outputLinear(block + ROUTER, count, hidden, false));
        specs.add(new ParameterSpec(block + GATE_UP, Initial.NORMAL, Role.STACKED_LINEAR, count, 2 * width, hidden));
        specs.add(new ParameterSpec(block + DOWN, Initial.NORMAL, Role.STACKED_LINEAR, count, hidden, width));
        return specs;
    }

    @Override
    public FeedForward feedForward(String block, Weights weights, Activation activation) {
        return feedForward(block, weights, activation, null);
    }

    /** @param shared what every token goes through beside its experts; null for nothing */
    FeedForward feedForward(String block, Weights weights, Activation activation, @Nullable SharedExpert shared) {
        Linear router = weights.linear(block + ROUTER);
        String bare = router.path().substring(0, router.path().length() - ROUTER.length());
        return new MixtureOfExperts(
                router,
                new Experts.Stacked(
                        bare + MODULE + ".experts",
                        List.of(bare + GATE_UP, bare + DOWN),
                        weights.stack(block + GATE_UP, count, false),
                        null,
                        weights.stack(block + DOWN, count, false),
                        null,
                        (gateUp, down) -> new FeedForward.FusedGated(gateUp, down, activation)),
                chosen,
                new Routing.Softmax(true),
                shared,
                null);
    }
}
