package org.loft4j.nn;

import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.AutoDispatchBelowADInplaceOrView;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;

/**
 * Causal attention on the processor with a backward pass of our own: a block of queries at a time, all heads at once, with the
 * keys that it sees and no others, all before it or a window of them. Heads that share a key and value head are more rows of the
 * same products. As in FlashAttention (Dao et al. 2022, arXiv:2205.14135, algorithm 4) the probabilities are not kept but computed
 * again, and
 *
 * <pre>  ∂V += Pᵀ·∂O,  ∂S = P ⊙ (∂O·Vᵀ − rowsum(∂O ⊙ O)),  ∂Q = scale·∂S·K,  ∂K += scale·∂Sᵀ·Q</pre>
 *
 * libtorch's fused kernel has the same equations and takes longer, most of all at 256 and 512 tokens (docs/performance.md).
 */
final class CausalAttention {
    /** Queries at a time: with more of them, more of the keys are computed that they do not see. */
    private static final long ROWS = 64;

    /** Scores at a time, which stay in the cache: 1 MB in float32, unless those of one head of keys are more. */
    private static final long SCORES = 1 << 18;

    /** Below it the calls take longer than the products; from the other on libtorch takes larger blocks itself. */
    private static final long SHORTEST = 96;

    private static final long LONGEST = 1536;

    private final Scalar scale;
    private final Scalar zero = new Scalar(0.0);
    private final Scalar one = new Scalar(1.0);
    private final long rows;
    private final long length;
    private final long keyHeads;
    /** Heads of queries for each of keys and values. */
    private final long group;

    private final long keyHeadsAtOnce;
    /** How many tokens each sees, itself the last of them; the length where that is all. */
    private final long window;

    private final Tensor hidden;
    private final Tensor scores;

    /** Takes shapes and type of {@code (batch, seq, heads, headDim)} and {@code (batch, seq, keyHeads, headDim)}. */
    private CausalAttention(Tensor query, Tensor key, double scale, long window) {
        this.scale = new Scalar(scale);
        this.rows = query.size(0);
        this.length = query.size(1);
        this.keyHeads = key.size(2);
        this.group = query.size(2) / keyHeads;
        this.window = Math.min(window, length);
        this.keyHeadsAtOnce = Math.min(keyHeads, Math.max(1, SCORES / (group * ROWS * mostKeys())));
        this.hidden = Attention.future(query.narrow(1, 0, Math.min(ROWS, length)));
        this.scores = scratch();
    }

    private Tensor scratch() {
        return torch.empty(
                new long[] {keyHeadsAtOnce * group * Math.min(ROWS, length) * mostKeys()}, hidden.options(), null);
    }

    /** Keys that the queries of a block see at most. */
    private long mostKeys() {
        return Math.min(length, window + ROWS - 1);
    }

    /**
     * Whether this is the faster way: on the processor, in a thread that keeps to one core, unless sequences are very short or
     * very long. Heads of a half type are better made float32 for it. It does not depend on whether a gradient is wanted, so that what is computed twice has the same digits.
     */
    static boolean pays(Tensor query, Tensor key, Tensor value) {
        return pays(query, key, value, query.size(1));
    }

    /** The same with a {@link #attend window}: then sequences may be as long as they like. */
    static boolean pays(Tensor query, Tensor key, Tensor value, long window) {
        long length = query.size(1);
        return DeviceSpec.of(query).kind() == DeviceSpec.Kind.CPU
                && Lanes.count() == 1
                && key.size(1) == length
                && takes(length, window);
    }

    /** Whether sequences are neither very short nor, where they are seen whole, very long. */
    static boolean takes(long length, long window) {
        return SHORTEST <= length && (window < length || length < LONGEST);
    }

    /**
     * Of queries {@code (batch, seq, heads, headDim)}, keys {@code (batch, seq, keyHeads, headDim)} and values {@code (batch, seq,
     * keyHeads, valueDim)}, heads a multiple of keyHeads.
     *
     * @return {@code (batch, seq, heads·valueDim)}
     */
    static Tensor attend(Tensor query, Tensor key, Tensor value, double scale) {
        return attend(query, key, value, scale, query.size(1));
    }

    /**
     * The same with a window.
     *
     * @param window how many tokens each sees, itself the last of them
     */
    static Tensor attend(Tensor query, Tensor key, Tensor value, double scale, long window) {
        if (query.size(2) % key.size(2) != 0 || value.size(2) != key.size(2)) {
            throw new ShapeException(
                    "heads of queries must be a multiple of those of keys, and values have as many as keys, got "
                            + query.size(2) + ", " + key.size(2) + " and " + value.size(2));
        }
        Tensor attended;
        try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
            attended = new CausalAttention(query, key, scale, window).forward(query, key, value);
        }
        AutogradFunction.lead(
                "causal attention has no second derivative on the processor",
                attended,
                List.of(query, key, value),
                List.of(query, key, value, attended),
                (saved, gradient) -> {
                    try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
                        return new CausalAttention(saved.get(0), saved.get(1), scale, window)
                                .backward(saved.get(0), saved.get(1), saved.get(2), saved.get(3), gradient);
                    }
                });
        return attended.flatten(2, 3);
    }

    private Tensor forward(Tensor query, Tensor key, Tensor value) {
        long[] shape = {rows, length, query.size(2), value.size(3)};
        Tensor attended = torch.empty(shape, query.options(), null);
        eachHeads(some -> {
            Tensor allQ = some.ofQueries(query);
            Tensor k = some.ofKeys(key);
            Tensor v = some.ofKeys(value);
            Tensor allO = some.ofQueries(attended);
            eachBlock(block -> {
                Tensor p = probabilities(block, block.rows(allQ), block.keys(k));
                Tensor o = block.room(allO);
                torch.bmm_out(o, p, block.keys(v));
                block.put(o, allO);
            });
        });
        return attended;
    }

    private List<Tensor> backward(Tensor query, Tensor key, Tensor value, Tensor attended, Tensor gradient) {
        Tensor ofAttended = gradient.reshape(attended.sizes());
        Tensor rowSums = ofAttended.mul(attended).sum(new long[] {3}, true, new ScalarTypeOptional());
        Tensor ofQuery = torch.empty_like(query);
        Tensor ofKey = torch.zeros_like(key);
        Tensor ofValue = torch.zeros_like(value);
        Tensor ofScores = scratch();
        eachHeads(some -> {
            Tensor allQ = some.ofQueries(query);
            Tensor allK = some.ofKeys(key);
            Tensor allV = some.ofKeys(value);
            Tensor allDo = some.ofQueries(ofAttended);
            Tensor allSums = some.ofQueries(rowSums);
            Tensor allDq = some.ofQueries(ofQuery);
            Tensor allDk = some.ofKeys(ofKey);
            Tensor allDv = some.ofKeys(ofValue);
            eachBlock(block -> {
                Tensor q = block.rows(allQ);
                Tensor k = block.keys(allK);
                Tensor dO = block.rows(allDo);
                Tensor p = probabilities(block, q, k);
                block.keys(allDv).baddbmm_(p.transpose(1, 2), dO, one, one);
                Tensor dS = block.scores(ofScores, q);
                dS.baddbmm_(dO, block.keys(allV).transpose(1, 2), zero, one)
                        .sub_(block.rows(allSums))
                        .mul_(p);
                Tensor dQ = block.room(allDq);
                dQ.baddbmm_(dS, k, zero, scale);
                block.put(dQ, allDq);
                block.keys(allDk).baddbmm_(dS.transpose(1, 2), q, one, scale);
            });
        });
        return List.of(ofQuery, ofKey, ofValue);
    }

    /** {@code P = softmax(scale·Q·Kᵀ)} of a block, in memory that the next block writes over. */
    private Tensor probabilities(Block block, Tensor q, Tensor k) {
        Tensor p = block.scores(scores, q);
        p.baddbmm_(q, k.transpose(1, 2), zero, scale);
        block.ownKeys(p).add_(block.square(hidden, 0));
        long seeAll = Math.max(0, window - 1 - block.start());
        if (seeAll < block.end() - block.start()) {
            block.farKeys(p, seeAll).add_(block.square(hidden.transpose(0, 1), seeAll));
        }
        return torch.softmax_out(p, p, 2);
    }

    /** Some heads of keys in a row of the batch, and those of queries that look at them. */
    private record Heads(long row, long first, long count, long group) {
        /** {@code (count, seq, …)} of {@code (batch, seq, keyHeads, …)} */
        Tensor ofKeys(Tensor x) {
            return x.select(0, row).narrow(1, first, count).transpose(0, 1);
        }

        /** {@code (count, group, seq, …)} of {@code (batch, seq, keyHeads·group, …)} */
        Tensor ofQueries(Tensor x) {
            Tensor some = x.select(0, row).narrow(1, first * group, count * group);
            return some.unflatten(1, count, group).permute(1, 2, 0, 3);
        }
    }

    private void eachHeads(Consumer<Heads> visitor) {
        for (long row = 0; row < rows; row++) {
            for (long first = 0; first < keyHeads; first += keyHeadsAtOnce) {
                try (NativeScope scope = new NativeScope()) {
                    visitor.accept(new Heads(row, first, Math.min(keyHeadsAtOnce, keyHeads - first), group));
                }
            }
        }
    }

    /** The last queries come first. */
    private void eachBlock(Consumer<Block> visitor) {
        for (long start = (length - 1) / ROWS * ROWS; start >= 0; start -= ROWS) {
            try (NativeScope scope = new NativeScope()) {
                long first = Math.max(0, start - window + 1);
                visitor.accept(new Block(start, Math.min(start + ROWS, length), first));
            }
        }
    }

    /** Some queries, and the keys that any of them sees, which end where they do. */
    private record Block(long start, long end, long first) {
        /** The queries {@code (count, group·queries, …)} of {@code (count, group, seq, …)}. */
        Tensor rows(Tensor x) {
            return x.narrow(2, start, end - start).flatten(1, 2);
        }

        /** Room for such rows: where they lie in x, if a group is one head; else apart, from where {@link #put} brings them. */
        Tensor room(Tensor x) {
            return x.size(1) == 1
                    ? rows(x)
                    : torch.empty(new long[] {x.size(0), x.size(1) * (end - start), x.size(3)}, x.options(), null);
        }

        void put(Tensor rows, Tensor x) {
            if (x.size(1) > 1) {
                x.narrow(2, start, end - start).copy_(byHead(rows));
            }
        }

        /** {@code (count, keys, …)} of {@code (count, seq, …)} */
        Tensor keys(Tensor x) {
            return x.narrow(1, first, end - first);
        }

        /** {@code (count, group·queries, keys)} in memory that is at least as large, for the rows of queries */
        Tensor scores(Tensor memory, Tensor rows) {
            long count = rows.size(0);
            long height = rows.size(1);
            return memory.narrow(0, 0, count * height * (end - first)).view(count, height, end - first);
        }

        /** {@code (count, group, queries, queries)} of the scores: some of these keys are hidden */
        Tensor ownKeys(Tensor scores) {
            return byHead(scores).narrow(3, start - first, end - start);
        }

        /** Of the scores of all queries but the first those of as many keys: some of these are out of reach. */
        Tensor farKeys(Tensor scores, long seeAll) {
            long count = end - start - seeAll;
            return byHead(scores).narrow(2, seeAll, count).narrow(3, 0, count);
        }

        private Tensor byHead(Tensor rows) {
            return rows.unflatten(1, rows.size(1) / (end - start), end - start);
        }

        /** {@code (queries, queries)} of a square that is at least as large */
        Tensor square(Tensor x, long less) {
            long count = end - start - less;
            return x.narrow(0, 0, count).narrow(1, 0, count);
        }
    }
}
