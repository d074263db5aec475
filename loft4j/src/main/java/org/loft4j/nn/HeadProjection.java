package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/** How the queries, keys and values of attention come from the hidden states. */
public sealed interface HeadProjection {
    /**
     * Queries {@code (batch, seq, heads, headDim)}, keys {@code (batch, seq, kvHeads, headDim)} and values {@code (batch, seq, kvHeads,
     * valueDim)}, which are null where those of an earlier block are taken.
     *
     * @param gate of what attention yields, before its sigmoid, {@code (batch, seq, heads·headDim)}; null for none
     */
    record Heads(
            Tensor query,
            @Nullable Tensor key,
            @Nullable Tensor value,
            @Nullable Tensor gate) {}

    /** Projects {@code (batch, seq, hidden)}. */
    Heads project(Tensor x, int headDim);

    /** Its layers in order of use. */
    List<Linear> linears();

    /** Numbers that a cache keeps of a token: its key and its value; 0 where those of an earlier block are taken. */
    long cached(int headDim);

    /** A matrix for each. */
    record Separate(Linear query, Linear key, Linear value) implements HeadProjection {
        @Override
        public Heads project(Tensor x, int headDim) {
            List<Tensor> all = Linear.forwardAll(linears(), x);
            return new Heads(heads(all.get(0), headDim), heads(all.get(1), headDim), heads(all.get(2), headDim), null);
        }

        @Override
        public long cached(int headDim) {
            return key.outFeatures() + value.outFeatures();
        }

        @Override
        public List<Linear> linears() {
            return List.of(query, key, value);
        }
    }

    /**
     * A matrix for each, of which that of the queries makes for each head a query and then a gate of what attention yields; Qiu et
     * al. 2025 (arXiv:2505.06708).
     */
    record Gated(Linear query, Linear key, Linear value) implements HeadProjection {
        @Override
        public Heads project(Tensor x, int headDim) {
            List<Tensor> all = Linear.forwardAll(linears(), x);
            Tensor both = heads(all.get(0), 2 * headDim);
            return new Heads(
                    both.narrow(-1, 0, headDim),
                    heads(all.get(1), headDim),
                    heads(all.get(2), headDim),
                    both.narrow(-1, headDim, headDim).flatten(2, 3));
        }

        @Override
        public long cached(int headDim) {
            return key.outFeatures() + value.outFeatures();
        }

        @Override
        public List<Linear> linears() {
            return List.of(query, key, value);
        }
    }

    /**
     * One matrix for all, with the rows of the queries first, then those of the keys.
     *
     * @param kvHeads number of heads of keys and of values
     */
    record Fused(Linear all, int kvHeads) implements HeadProjection {
        @Override
        public Heads project(Tensor x, int headDim) {
            Tensor y = all.forward(x);
            long keys = (long) kvHeads * headDim;
            long queries = y.size(-1) - 2 * keys;
            return new Heads(
                    heads(y.narrow(-1, 0, queries), headDim),
                    heads(y.narrow(-1, queries, keys), headDim),
                    // attention keeps the values: as a part of the whole they would keep it all
                    heads(y.narrow(-1, queries + keys, keys), headDim).contiguous(),
                    null);
        }

        @Override
        public long cached(int headDim) {
            return 2L * kvHeads * headDim;
        }

        @Override
        public List<Linear> linears() {
            return List.of(all);
        }
    }

    /** One matrix for all, with the rows of each head together: its query, its key, its value. As many heads of all three. */
    record ByHeads(Linear all) implements HeadProjection {
        @Override
        public Heads project(Tensor x, int headDim) {
            Tensor heads = heads(all.forward(x), 3 * headDim);
            return new Heads(
                    heads.narrow(-1, 0, headDim),
                    heads.narrow(-1, headDim, headDim),
                    heads.narrow(-1, 2L * headDim, headDim).contiguous(),
                    null);
        }

        @Override
        public long cached(int headDim) {
            return all.outFeatures() / 3 * 2;
        }

        @Override
        public List<Linear> linears() {
            return List.of(all);
        }
    }

    /** Keys that are values as well, before either has its norm. */
    record KeyAsValue(Linear query, Linear key) implements HeadProjection {
        @Override
        public Heads project(Tensor x, int headDim) {
            List<Tensor> both = Linear.forwardAll(linears(), x);
            Tensor keys = heads(both.get(1), headDim);
            return new Heads(heads(both.get(0), headDim), keys, keys, null);
        }

        @Override
        public long cached(int headDim) {
            return 2 * key.outFeatures();
        }

        @Override
        public List<Linear> linears() {
            return List.of(query, key);
        }
    }

    /**
     * Queries alone.
     *
     * @param lender number of the earlier block whose keys and values they look at
     */
    record Borrowing(Linear query, int lender) implements HeadProjection {
        @Override
        public Heads project(Tensor x, int headDim) {
            return new Heads(heads(query.forward(x), headDim), null, null, null);
        }

        @Override
        public long cached(int headDim) {
            return 0;
        }

        @Override
        public List<Linear> linears() {
            return List.of(query);
        }
    }

    /**
     * Multi-head latent attention; DeepSeek-AI 2024 (arXiv:2405.04434), section 2.1: the keys and values of all heads are made of one
     * small vector of a token, and those dimensions of the keys that are turned are the same in all heads,
     *
     * <pre>  (c, r) = x·Aᵀ,  (k_h, v_h) = norm(c)·B_hᵀ,  key_h = (r, k_h)</pre>
     *
     * Queries and keys come with what is turned in front, where files have it behind: a score is the sum over all dimensions, in
     * whatever order both have them. What a cache keeps are whole keys and values, as in Transformers.
     *
     * @param query from hidden states, or from what {@code low} makes of them, to the queries {@code (heads·headDim)}
     * @param low what makes fewer numbers of the hidden states first; null for nothing
     * @param down {@code A}: from hidden states to c and r
     * @param norm of c
     * @param up {@code B}: from c to each head's key, without what is turned, and its value
     * @param sizes of the parts
     */
    record Latent(Linear query, @Nullable Low low, Linear down, Norm norm, Linear up, Sizes sizes)
            implements HeadProjection {
        /** What comes before the queries: a layer and a norm of what it makes. */
        public record Low(Linear down, Norm norm) {}

        /**
         * Of one head.
         *
         * @param turned dimensions of a query or key that positions turn
         * @param plain those that they do not
         * @param value dimensions of a value
         */
        public record Sizes(int turned, int plain, int value) {
            /** Of a query or key. */
            public int headDim() {
                return turned + plain;
            }
        }

        @Override
        public Heads project(Tensor x, int headDim) {
            List<Tensor> both = Linear.forwardAll(List.of(low == null ? query : low.down(), down), x);
            Tensor first = both.get(0);
            Tensor queries =
                    heads(low == null ? first : query.forward(low.norm().forward(first)), headDim);
            Tensor made = both.get(1);
            long latent = up.inFeatures();
            Tensor all = heads(up.forward(norm.forward(made.narrow(-1, 0, latent))), sizes.plain() + sizes.value());
            Tensor turned = made.narrow(-1, latent, sizes.turned()).unsqueeze(2);
            return new Heads(
                    inFront(queries.narrow(-1, sizes.plain(), sizes.turned()), queries),
                    inFront(turned.expand(-1, -1, all.size(2), -1), all),
                    all.narrow(-1, sizes.plain(), sizes.value()),
                    null);
        }

        private Tensor inFront(Tensor turned, Tensor heads) {
            return torch.cat(new TensorVector(turned, heads.narrow(-1, 0, sizes.plain())), -1);
        }

        private long count() {
            return query.outFeatures() / sizes.headDim();
        }

        @Override
        public long cached(int headDim) {
            return count() * (sizes.headDim() + sizes.value());
        }

        @Override
        public List<Linear> linears() {
            return low == null ? List.of(query, down, up) : List.of(low.down(), query, down, up);
        }

        /**
         * Numbers a token that are kept for the backward pass: queries, keys, values beside what keys are made of, what comes out of
         * attention, and what the norms read and made.
         */
        public long kept() {
            return count() * (2L * sizes.headDim() + sizes.plain() + 2L * sizes.value())
                    + 2 * (up.inFeatures() + (low == null ? 0 : query.inFeatures()))
                    + sizes.turned();
        }
    }

    private static Tensor heads(Tensor x, int headDim) {
        return x.unflatten(-1, x.size(-1) / headDim, headDim);
    }
}
