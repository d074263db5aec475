package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.tensor.Dtype;

/** How a mixture chooses a token's experts, and weights them, by what its router says of each. */
public sealed interface Routing {
    /**
     * The experts of each token.
     *
     * @param experts their numbers, int64 {@code (tokens, chosen)}
     * @param weights of what they make, {@code (tokens, chosen)}, float32 at least
     */
    record Choice(Tensor experts, Tensor weights) {}

    /** Chooses experts for {@code (tokens, hidden)}. */
    Choice choose(Linear router, Tensor tokens, int chosen);

    /** Whether the router is a linear layer in Transformers' class too, where experts are such layers. */
    boolean hasLayer();

    /** Whether what goes into the experts is multiplied by the weights, and not what they make. */
    default boolean weightsInputs() {
        return false;
    }

    /**
     * Those of the largest probabilities, which are the weights; with {@code p = softmax(x·Rᵀ)} in float32 at least.
     *
     * @param normalised whether the weights of a token's experts are divided by their sum
     */
    record Softmax(boolean normalised) implements Routing {
        @Override
        public Choice choose(Linear router, Tensor tokens, int chosen) {
            Tensor logits = router.forward(tokens);
            Dtype dtype = Dtype.of(logits);
            Tensor probabilities =
                    logits.softmax(-1, new ScalarTypeOptional((dtype.isHalf() ? Dtype.F32 : dtype).scalarType()));
            T_TensorTensor_T best = torch.topk(probabilities, chosen, -1, true, true);
            Tensor weights = best.get0();
            return new Choice(best.get1(), normalised ? weights.div(sum(weights)) : weights);
        }

        @Override
        public boolean hasLayer() {
            return true;
        }
    }

    /**
     * Those of the largest probabilities within the best groups, which are the weights times a factor; DeepSeek-AI 2024
     * (arXiv:2405.04434), sections 2.2.1 and 2.2.2, as Transformers has it. A group is as good as its best expert. The product is
     * float32 at least.
     *
     * @param groups into which the experts fall, as many in each
     * @param best how many groups a token's experts are of
     * @param factor of the weights
     */
    record GroupedSoftmax(int groups, int best, double factor) implements Routing {
        public GroupedSoftmax {
            Checks.atLeast("n_group", groups, 1);
            Checks.within("topk_group", best, 1, groups);
            Checks.positive("routed_scaling_factor", factor);
        }

        @Override
        public Choice choose(Linear router, Tensor tokens, int chosen) {
            Tensor probabilities = product(router.weight(), tokens).softmax(-1);
            Tensor experts = torch.topk(within(probabilities.detach()), chosen, -1, true, false)
                    .get1();
            return new Choice(experts, probabilities.gather(1, experts).mul(new Scalar(factor)));
        }

        private Tensor within(Tensor probabilities) {
            return best == groups ? probabilities : grouped(probabilities.unflatten(1, groups, -1));
        }

        private Tensor grouped(Tensor probabilities) {
            return keep(probabilities, probabilities.max(-1).get0(), best);
        }

        @Override
        public boolean hasLayer() {
            return false;
        }
    }

    /**
     * Experts by a score of each for itself, and a bias that balances them without a loss and has no part in the weights;
     * DeepSeek-AI 2024 (arXiv:2412.19437), section 2.1.2, as Transformers has it:
     *
     * <pre>  s = σ(x·Rᵀ),  e in top k of s + b within the best groups,  w_e = factor·s_e</pre>
     *
     * A group is as good as the sum of its two best; the scores of the other groups' experts count as zero. The product is float32 at
     * least.
     *
     * @param bias {@code b}: {@code (experts)}, a buffer, float32 at least
     * @param groups into which the experts fall, as many in each
     * @param best how many groups a token's experts are of
     * @param normalised whether the weights of a token's experts are divided by their sum, before the factor
     * @param factor of the weights
     */
    record Sigmoid(Tensor bias, int groups, int best, boolean normalised, double factor) implements Routing {
        public Sigmoid {
            long experts = bias.size(0);
            Checks.atLeast("n_group", groups, 1);
            Checks.within("topk_group", best, 1, groups);
            Checks.positive("routed_scaling_factor", factor);
            if (experts % groups != 0 || experts / groups < 2) {
                throw new ConfigException(
                        "n_routed_experts must be at least two for each of n_group groups, and as many in"
                                + " each, got " + experts + " and " + groups);
            }
        }

        @Override
        public Choice choose(Linear router, Tensor tokens, int chosen) {
            Tensor scores = product(router.weight(), tokens).sigmoid();
            Tensor experts = torch.topk(within(scores.detach().add(bias)), chosen, -1, true, false)
                    .get1();
            Tensor weights = scores.gather(1, experts);
            if (normalised) {
                weights = weights.div(sum(weights).add(new Scalar(1e-20)));
            }
            return new Choice(experts, weights.mul(new Scalar(factor)));
        }

        /** Zero for the experts of other groups than the best. */
        private Tensor within(Tensor scores) {
            if (best == groups) {
                return scores;
            }
            Tensor grouped = scores.unflatten(1, groups, -1);
            Tensor ofGroups =
                    sum(torch.topk(grouped, 2, -1, true, false).get0()).squeeze(-1);
            return keep(grouped, ofGroups, best);
        }

        @Override
        public boolean hasLayer() {
            return false;
        }
    }

    /**
     * Those of the largest numbers, whose sigmoids are the weights of what goes into the experts; as Llama 4 has it in Transformers:
     *
     * <pre>  y = Σ_{e in top k of x·Rᵀ} expert_e(σ(x·R_eᵀ)·x)</pre>
     */
    record Gates() implements Routing {
        @Override
        public Choice choose(Linear router, Tensor tokens, int chosen) {
            T_TensorTensor_T best = torch.topk(router.forward(tokens), chosen, -1, true, false);
            Tensor numbers = best.get0();
            return new Choice(best.get1(), (Dtype.of(numbers).isHalf() ? Attention.wide(numbers) : numbers).sigmoid());
        }

        @Override
        public boolean hasLayer() {
            return false;
        }

        @Override
        public boolean weightsInputs() {
            return true;
        }
    }

    private static Tensor product(Tensor router, Tensor tokens) {
        Dtype dtype = Dtype.of(tokens);
        return dtype.isHalf()
                ? Attention.wide(tokens).matmul(Attention.wide(router).t())
                : tokens.matmul(router.t());
    }

    /** Scores {@code (tokens, experts)} of {@code (tokens, groups, experts of each)}: zero for those of other groups than the best. */
    private static Tensor keep(Tensor grouped, Tensor ofGroups, int best) {
        Tensor kept = torch.topk(ofGroups, best, -1, true, false).get1();
        Tensor mask = torch.zeros_like(ofGroups).scatter_(1, kept, new Scalar(1.0));
        return grouped.mul(mask.unsqueeze(-1)).flatten(1, 2);
    }

    private static Tensor sum(Tensor weights) {
        return weights.sum(new long[] {-1}, true, new ScalarTypeOptional());
    }
}
