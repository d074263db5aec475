package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** How the queries, keys and values of attention come from the hidden states. */
public sealed interface HeadProjection {
    /**
     * Queries {@code (batch, seq, heads, headDim)}, keys and values {@code (batch, seq, kvHeads, headDim)}, which are null where
     * those of an earlier block are taken.
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
                    heads(y.narrow(-1, queries + keys, keys), headDim),
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

    private static Tensor heads(Tensor x, int headDim) {
        return x.unflatten(-1, x.size(-1) / headDim, headDim);
    }
}
