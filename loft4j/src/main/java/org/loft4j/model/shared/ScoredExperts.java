package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Activation;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.MixtureOfExperts;
import org.loft4j.nn.MixtureOfExperts.SharedExpert;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.ParameterSpec.Role;
import org.loft4j.nn.Routing;
import org.loft4j.nn.Weights;

/**
 * The mixtures of DeepSeek V3 and of what took them over: a router that scores each expert for itself ({@link Routing.Sigmoid}),
 * experts with matrices of their own, and one that all tokens go through. DeepSeek V2's are the same but for the router, which goes
 * by probabilities ({@link Routing.GroupedSoftmax}).
 *
 * @param experts their names and sizes
 * @param scored whether each expert is scored for itself
 * @param groups into which they fall
 * @param best how many groups a token's experts are of
 * @param factor of their weights
 * @param sharedWidth of the expert of all tokens
 * @param blocks of the model; files number from there on what predicts further tokens
 * @param further {@code num_nextn_predict_layers}: how many such blocks a file may have, which are not read
 */
public record ScoredExperts(
        ExpertLayout experts,
        boolean scored,
        int groups,
        int best,
        double factor,
        long sharedWidth,
        int blocks,
        int further)
        implements MixtureLayout {
    private static final String COUNT = "n_routed_experts";
    private static final String WIDTH = "moe_intermediate_size";
    private static final String SHARED = "mlp.shared_experts";
    private static final String METHOD = "topk_method";
    private static final String GROUPS = "group_limited_greedy";
    private static final String DENSE_FIRST = "first_k_dense_replace";
    /** The key that counts blocks which predict further tokens. */
    public static final String FURTHER = "num_nextn_predict_layers";

    private static final Set<String> KEYS = Set.of(
            COUNT,
            "num_local_experts",
            "n_shared_experts",
            WIDTH,
            "n_group",
            "topk_group",
            METHOD,
            "scoring_func",
            "norm_topk_prob",
            "routed_scaling_factor",
            "moe_layer_freq",
            DENSE_FIRST,
            FURTHER);

    /** Of losses that balance experts, and of where they were computed while a model was made. */
    private static final Set<String> WITHOUT_EFFECT = Set.of("aux_loss_alpha", "seq_aux", "ep_size");

    /**
     * What Transformers assumes where a file is silent, which differs between families.
     *
     * @param chosen how many experts a token goes through
     */
    public record Defaults(int count, int chosen, long width, int groups, int best, double factor) {}

    public ScoredExperts {
        Checks.atLeast("n_group", groups, 1);
        Checks.within("topk_group", best, 1, groups);
        Checks.positive("routed_scaling_factor", factor);
        Checks.atLeast("n_shared_experts times " + WIDTH, sharedWidth, 1);
        Checks.within(FURTHER, further, 0, ModelLimits.MOST_LAYERS);
        long ofGroup = experts.experts() / groups;
        Checks.atLeast("n_routed_experts over n_group", ofGroup, scored ? 2 : 1);
        if (ofGroup * groups != experts.experts()) {
            throw new ConfigException(
                    COUNT + " must be a multiple of n_group, got " + experts.experts() + " and " + groups);
        }
    }

    /** The keys of a family, and those of these mixtures. */
    public static Set<String> keysWith(Set<String> family) {
        Set<String> all = new HashSet<>(ExpertLayout.keysWith(family));
        all.addAll(KEYS);
        all.addAll(WITHOUT_EFFECT);
        return all;
    }

    /**
     * Those of a config.json.
     *
     * @param blocks of the model
     * @param at those that have a mixture
     */
    public static ScoredExperts from(JsonObject json, Defaults absent, int blocks, IntPredicate at)
            throws CheckpointException {
        ExpertLayout.requirePlainRouter(json);
        ConfigKeys.require(json, METHOD, "noaux_tc");
        ConfigKeys.require(json, "scoring_func", "sigmoid");
        ConfigKeys.require(json, "moe_layer_freq", "1");
        int count = json.intOr(COUNT, json.intOr("num_local_experts", absent.count(), 1), 1);
        ConfigKeys.require(json, "num_local_experts", String.valueOf(count));
        long width = json.longOr(WIDTH, absent.width());
        return new ScoredExperts(
                new ExpertLayout(
                        ExpertLayout.Names.PROJECTIONS,
                        count,
                        json.intOr("num_experts_per_tok", absent.chosen(), 1),
                        width,
                        json.booleanOr("norm_topk_prob", true),
                        at),
                true,
                json.intOr("n_group", absent.groups(), 1),
                json.intOr("topk_group", absent.best(), 1),
                json.doubleOr("routed_scaling_factor", absent.factor()),
                width * json.intOr("n_shared_experts", 1, 1),
                blocks,
                json.intOr(FURTHER, 0, 0));
    }

    /**
     * Those of a config.json of DeepSeek V2, behind the first {@code first_k_dense_replace} blocks. Groups are of effect where
     * {@code topk_method} says so.
     *
     * @param blocks of the model
     */
    public static ScoredExperts ofV2(JsonObject json, int blocks) throws CheckpointException {
        ExpertLayout.requirePlainRouter(json);
        ConfigKeys.require(json, METHOD, "greedy", GROUPS);
        ConfigKeys.require(json, "scoring_func", "softmax");
        ConfigKeys.require(json, "moe_layer_freq", "1");
        // Transformers reads it and does not divide
        ConfigKeys.require(json, "norm_topk_prob", "false");
        boolean grouped = json.stringOr(METHOD, "greedy").equals(GROUPS);
        int count = json.intOr(COUNT, json.intOr("num_local_experts", 64, 1), 1);
        ConfigKeys.require(json, "num_local_experts", String.valueOf(count));
        long width = json.longOr(WIDTH, 1407);
        return new ScoredExperts(
                new ExpertLayout(
                        ExpertLayout.Names.PROJECTIONS,
                        count,
                        json.requireInt("num_experts_per_tok", 1),
                        width,
                        false,
                        behindDense(json, 0)),
                false,
                grouped ? json.requireInt("n_group", 1) : 1,
                grouped ? json.requireInt("topk_group", 1) : 1,
                json.doubleOr("routed_scaling_factor", 1),
                width * json.intOr("n_shared_experts", 2, 1),
                blocks,
                0);
    }

    /**
     * Every block but the first ones.
     *
     * @param absent how many are dense where a file is silent
     */
    public static IntPredicate behindDense(JsonObject json, int absent) throws CheckpointException {
        int dense = json.intOr(DENSE_FIRST, absent, 0);
        return block -> block >= dense;
    }

    @Override
    public IntPredicate at() {
        return experts.at();
    }

    @Override
    public TensorSource arranged(TensorSource source) throws CheckpointException {
        return experts.arranged(source);
    }

    /** What predicts further tokens, as Transformers leaves it out. */
    @Override
    public boolean isUnused(String name) {
        for (int i = blocks; i < blocks + further; i++) {
            if (name.startsWith("model.layers." + i + ".")) {
                return true;
            }
        }
        return false;
    }

    @Override
    public List<ParameterSpec> parameters(int number, String block, long hidden) {
        List<ParameterSpec> specs = new ArrayList<>(experts.parameters(number, block, hidden));
        if (scored) {
            specs.add(new ParameterSpec(bias(block), Initial.ZEROS, Role.WIDE_FIXED, experts.experts()));
        }
        specs.addAll(Parameters.gated(block + SHARED, sharedWidth, hidden));
        return specs;
    }

    private String bias(String block) {
        return experts.router(block) + ".e_score_correction_bias";
    }

    @Override
    public FeedForward feedForward(String block, Weights weights, Activation activation) {
        return new MixtureOfExperts(
                weights.linear(experts.router(block)),
                experts.experts(block, weights, activation),
                experts.chosen(),
                scored
                        ? new Routing.Sigmoid(weights.get(bias(block)), groups, best, experts.normalised(), factor)
                        : new Routing.GroupedSoftmax(groups, best, factor),
                new SharedExpert.Plain(Parameters.gated(weights, block + SHARED, activation)),
                null);
    }
}
