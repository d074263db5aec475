package org.loft4j.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

/**
 * Feed-forward parts of which each token goes through the few that a router likes best; Shazeer et al. 2017 (arXiv:1701.06538),
 * equation 1:
 *
 * <pre>  y = Σ_{e of the chosen} w_e·expert_e(x)</pre>
 *
 * {@link Routing} says which are chosen, and their weights, which may be of {@code x} in place of {@code expert_e(x)}. Tokens are sorted by their experts, so that each expert sees its own as
 * one matrix; one that has none is not visited, and its layers get no gradient.
 *
 * @param router {@code R}: from hidden states to one number an expert
 * @param among the experts, each of which maps {@code (rows, hidden)} to the same shape
 * @param chosen k: how many experts a token goes through
 * @param routing how they are chosen and weighted
 * @param shared what every token goes through beside its experts; null for nothing
 * @param norms those of its own; null where router and experts read what the mixture gets
 */
public record MixtureOfExperts(
        Linear router,
        Experts among,
        int chosen,
        Routing routing,
        @Nullable SharedExpert shared,
        @Nullable Norms norms) implements FeedForward {
    /** An expert of all tokens, whose result is added. */
    public sealed interface SharedExpert {
        /** As the others are. */
        FeedForward.Dense expert();

        Tensor forward(Tensor x);

        /** Its layers in order of use. */
        List<Linear> linears();

        /** {@code expert(x)}, as Granite 4 and DeepSeek have it. */
        record Plain(FeedForward.Dense expert) implements SharedExpert {
            @Override
            public Tensor forward(Tensor x) {
                return expert.forward(x);
            }

            @Override
            public List<Linear> linears() {
                return expert.linears();
            }
        }

        /**
         * {@code σ(x·gᵀ)·expert(x)}, as Qwen has it.
         *
         * @param gate {@code g}: from hidden states to one number
         */
        record Gated(FeedForward.Dense expert, Linear gate) implements SharedExpert {
            @Override
            public Tensor forward(Tensor x) {
                return gate.forward(x).sigmoid().mul(expert.forward(x));
            }

            @Override
            public List<Linear> linears() {
                List<Linear> linears = new ArrayList<>(expert.linears());
                linears.add(gate);
                return linears;
            }
        }

        /** {@code behind(expert(before(x)))}, as Gemma 4 has it. */
        record Normed(Norm before, FeedForward.Dense expert, Norm behind) implements SharedExpert {
            @Override
            public Tensor forward(Tensor x) {
                return behind.forward(expert.forward(before.forward(x)));
            }

            @Override
            public List<Linear> linears() {
                return expert.linears();
            }
        }
    }

    /**
     * What Gemma 4 has around router and experts, whose block has no norm before its feed-forward part.
     *
     * @param ofRouter before the router, which is a linear layer of the model
     * @param scales {@code (experts)}: factors of the weights of a token's experts
     * @param before the experts
     * @param behind their sum
     */
    public record Norms(Norm ofRouter, Tensor scales, Norm before, Norm behind) {}

    /**
     * The rows of the experts, one expert's behind the other's.
     *
     * @param counts how many each has
     * @param places where each token has its rows, token by token, int64 {@code (tokens·chosen)}
     * @param order the token's row that is there, counted token by token, int64 {@code (rows)}; the first where there is none
     */
    private record Visits(long[] counts, Tensor places, Tensor order) {
        /**
         * @param experts of each token, int64 {@code (tokens·chosen)}
         * @param filled whether an expert has rows of no token, see {@link HalfRows}
         */
        static Visits of(Tensor experts, int count, boolean filled) {
            Tensor sorted = torch.argsort(experts, true, 0, false);
            Tensor all = torch.arange(new Scalar(sorted.size(0)), sorted.options());
            Tensor places = torch.empty_like(sorted).scatter_(0, sorted, all);
            // one wait for a device: to count by bincount it waits for the least and the greatest too
            long[] counts = Tensors.toLongs(torch.zeros(new long[] {count}, experts.options())
                    .scatter_add_(0, experts, torch.ones_like(experts)));
            long[] later = new long[count];
            long missing = 0;
            for (int i = 0; i < count; i++) {
                later[i] = missing;
                long rows = filled ? HalfRows.upFrom(counts[i]) : counts[i];
                missing += rows - counts[i];
                counts[i] = rows;
            }
            if (missing == 0) {
                return new Visits(counts, places, sorted);
            }
            places.add_(Tensors.of(later, count).index_select(0, experts));
            Tensor order = torch.zeros(new long[] {sorted.size(0) + missing}, sorted.options())
                    .scatter_(0, places, all);
            return new Visits(counts, places, order);
        }
    }

    private static final String REFUSAL = "the order of a mixture's tokens has no second derivative";

    public MixtureOfExperts {
        int count = among.count();
        if (router.outFeatures() != count || chosen < 1 || chosen > count) {
            throw new IllegalArgumentException(router.path() + " tells " + router.outFeatures() + " of " + count
                    + " experts apart, of which a token goes through " + chosen);
        }
    }

    /** Of experts with layers of their own, by their probabilities. */
    public MixtureOfExperts(Linear router, Experts.Apart among, int chosen, boolean normalised) {
        this(router, among, chosen, new Routing.Softmax(normalised), null, null);
    }

    @Override
    public Tensor forward(Tensor x) {
        Tensor tokens = x.reshape(-1, x.size(-1));
        Tensor routed = norms == null ? tokens : norms.ofRouter().forward(tokens);
        Routing.Choice choice = routing.choose(router, routed, chosen);
        Tensor weights = choice.weights();
        Tensor experts = choice.experts().flatten();
        if (norms != null) {
            weights = weights.mul(norms.scales().index_select(0, experts).view(-1, chosen));
            tokens = norms.before().forward(tokens);
        }
        // a training computes a layer without gradients too, and again with them, in the same order
        boolean one = tokens.size(0) == 1 && Inference.isOpen();
        Tensor back = one ? ofOne(tokens, weights, experts) : ofAll(tokens, weights, experts);
        Tensor sum = routing.weightsInputs()
                ? back.sum(1).view(Shapes.of(x))
                : torch.bmm(weights.to(back.scalar_type()).unsqueeze(1), back).view(Shapes.of(x));
        Tensor normed = norms == null ? sum : norms.behind().forward(sum);
        return shared == null ? normed : normed.add(shared.forward(x));
    }

    /** What their experts make of tokens, {@code (tokens, chosen, hidden)}. */
    private Tensor ofAll(Tensor tokens, Tensor weights, Tensor experts) {
        Visits visits = Visits.of(experts, among.count(), HalfRows.matter(Dtype.of(tokens), DeviceSpec.of(tokens)));
        Tensor rows = sorted(tokens, visits);
        if (routing.weightsInputs()) {
            Tensor factors = weights.flatten().index_select(0, visits.order()).unsqueeze(1);
            rows = rows.mul(factors.to(rows.scalar_type()));
        }
        long[] counts = visits.counts();
        long[] some = LongStream.range(0, counts.length)
                .filter(e -> counts[(int) e] > 0)
                .toArray();
        long[] own = LongStream.of(counts).filter(count -> count > 0).toArray();
        return unsorted(visited(rows, some, own), visits).view(tokens.size(0), chosen, -1);
    }

    /** The same of a single token, as in generating, in which there is no order to make. */
    private Tensor ofOne(Tensor token, Tensor weights, Tensor experts) {
        Tensor rows =
                routing.weightsInputs() ? token.mul(weights.t().to(token.scalar_type())) : token.expand(chosen, -1);
        long[] each = new long[chosen];
        Arrays.fill(each, 1);
        return visited(rows, Tensors.toLongs(experts), each).view(1, chosen, -1);
    }

    /** What comes out matters: the router's gradient is made of it. */
    @Override
    public Tensor forGradient(Tensor x) {
        return forward(x);
    }

    /**
     * What experts make of their rows, in the same order.
     *
     * @param some their numbers
     * @param counts how many rows each of these has
     */
    private Tensor visited(Tensor rows, long[] some, long[] counts) {
        IntFunction<FeedForward> experts = among.open();
        TensorVector parts = rows.split_with_sizes(counts);
        IntFunction<Tensor> made = i -> experts.apply((int) some[i]).forward(parts.get(i));
        if (Inference.isOpen() && !rows.is_cuda() && fillLanes(some.length)) {
            Tensor all = torch.empty(Shapes.of(rows), rows.options(), null);
            TensorVector places = all.split_with_sizes(counts);
            Lanes.runIfFree(some.length, i -> {
                try (Inference answer = Inference.open()) {
                    places.get(i).copy_(made.apply(i));
                }
            });
            return all;
        }
        return torch.cat(
                new TensorVector(IntStream.range(0, some.length).mapToObj(made).toArray(Tensor[]::new)), 0);
    }

    /** Whether lanes that have whole experts are idle for no more than a sixth of the time: they wait once, and not for each product. */
    private static boolean fillLanes(int experts) {
        int lanes = Lanes.count();
        int turns = (experts + lanes - 1) / lanes;
        return lanes > 1 && turns * lanes * 5 <= experts * 6;
    }

    /** Each token's row once for each of its experts, in their order; autograd would add the gradients up row by row. */
    private Tensor sorted(Tensor tokens, Visits visits) {
        Tensor rows = tokens.detach().index_select(0, visits.order().floor_divide(new Scalar(chosen)));
        AutogradFunction.lead(
                REFUSAL,
                rows,
                List.of(tokens),
                List.of(visits.places()),
                (saved, gradient) -> List.of(gradient.index_select(0, saved.get(0))
                        .view(-1, chosen, gradient.size(-1))
                        .sum(1)));
        return rows;
    }

    /** The rows in the order of the tokens, and of each token's experts. */
    private static Tensor unsorted(Tensor rows, Visits visits) {
        long[] shape = Shapes.of(rows);
        boolean each = shape[0] == visits.places().size(0);
        Tensor back = rows.detach().index_select(0, visits.places());
        AutogradFunction.lead(
                REFUSAL,
                back,
                List.of(rows),
                List.of(each ? visits.order() : visits.places()),
                (saved, gradient) -> List.of(
                        each
                                ? gradient.index_select(0, saved.get(0))
                                : torch.zeros(shape, gradient.options()).index_copy_(0, saved.get(0), gradient)));
        return back;
    }

    /**
     * The router is none where the experts have none and it has no norm, or scores by sigmoids: in Transformers it is no layer then
     * either.
     */
    @Override
    public List<Linear> linears() {
        List<Linear> linears = new ArrayList<>(among.linears());
        if (routing.hasLayer() && (!linears.isEmpty() || norms != null)) {
            linears.add(0, router);
        }
        if (shared != null) {
            linears.addAll(shared.linears());
        }
        return linears;
    }
}
