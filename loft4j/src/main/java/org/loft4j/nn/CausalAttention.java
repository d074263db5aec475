package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.AutoDispatchBelowADInplaceOrView;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.BlockProduct;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;

/**
 * Causal attention on the processor with a backward pass of our own: a block of queries at a time of as many heads as a core's cache
 * holds, with the keys that it sees and no others, all before it or a window of them. Heads that share a key and value head are more
 * rows of the same products. The heads at work are copied so that each lies by itself, for in a row of the batch its tokens are as far
 * apart as all heads are wide; the blocks of all rows and heads are views of these copies, made once. As in FlashAttention (Dao et
 * al. 2022, arXiv:2205.14135, algorithm 4) the probabilities are not kept but computed again. Heads of a half type become float32
 * with these copies, and only what comes out is rounded:
 *
 * <pre>  ∂V += Pᵀ·∂O,  ∂S = P ⊙ (∂O·Vᵀ − rowsum(∂O ⊙ O)),  ∂Q = scale·∂S·K,  ∂K += scale·∂Sᵀ·Q</pre>
 *
 * libtorch's fused kernel has the same equations and takes longer, most of all where heads share keys (docs/performance.md).
 */
final class CausalAttention {
    /** Queries at a time: with more of them, more of the keys are computed that they do not see. */
    private static final long ROWS = 64;

    /** Scores at a time, which stay in a core's cache: 256 KB in float32, unless those of one head of keys are more. */
    private static final long SCORES = 1 << 16;

    /** The same where products do not go by {@link BlockProduct}, and what libtorch does for a call takes longer. */
    private static final long SCORES_OTHERWISE = 1 << 18;

    /** With fewer tokens the calls take longer than the products. */
    private static final long SHORTEST = 96;

    /** From here on libtorch's kernel, which takes larger blocks itself, is as fast. */
    private static final long LONGEST = 6144;

    /** The same where OpenBLAS has no small kernels. */
    private static final long LONGEST_OTHERWISE = 1536;

    private final double scale;
    private final long rows;
    private final long length;
    private final long keyHeads;
    /** Heads of queries for each of keys and values. */
    private final long group;
    /** Heads of keys and values at a time, of which there are a multiple. */
    private final long count;
    /** How many tokens each sees, itself the last of them; the length where that is all. */
    private final long window;
    /** Whether products go by {@link BlockProduct}. */
    private final boolean inBlocks;

    private final TensorOptions options;
    private final Tensor hidden;

    /** Takes shapes and type of {@code (batch, seq, heads, headDim)} and {@code (batch, seq, keyHeads, headDim)}. */
    private CausalAttention(Tensor query, Tensor key, double scale, long window) {
        this.scale = scale;
        this.rows = query.size(0);
        this.length = query.size(1);
        this.keyHeads = key.size(2);
        this.group = query.size(2) / keyHeads;
        this.window = Math.min(window, length);
        Tensor corner = query.narrow(0, 0, 1).narrow(1, 0, Math.min(ROWS, length));
        this.hidden = Attention.future(Dtype.of(query).isHalf() ? Attention.wide(corner) : corner);
        this.options = hidden.options();
        this.inBlocks = BlockProduct.pays(hidden);
        long most = (inBlocks ? SCORES : SCORES_OTHERWISE) / (group * ROWS * mostKeys());
        this.count = largestPart(keyHeads, Math.max(1, most));
    }

    /** The largest number, no more than {@code most}, of which the whole is a multiple. */
    private static long largestPart(long whole, long most) {
        long part = Math.min(whole, most);
        while (whole % part != 0) {
            part--;
        }
        return part;
    }

    /** Keys that the queries of a block see at most. */
    private long mostKeys() {
        return Math.min(length, window + ROWS - 1);
    }

    /**
     * Whether this is the faster way: on the processor, in a thread that keeps to one core, unless sequences are very short or
     * very long. It does not depend on whether a gradient is wanted, so that what is computed twice has the same digits.
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
        return SHORTEST <= length
                && (window < length || length < (Engine.hasSmallKernels() ? LONGEST : LONGEST_OTHERWISE));
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
        try (NativeScope scope = new NativeScope();
                AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
            attended = scope.toEnclosing(new CausalAttention(query, key, scale, window).forward(query, key, value));
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
        Tensor attended = query.new_empty(rows, length, query.size(2), value.size(3));
        Tensor q = empty(count, length, group, query.size(3));
        Tensor kt = turnedMemory(query.size(3));
        Tensor v = empty(count, length, value.size(3));
        Tensor o = empty(count, length, group, value.size(3));
        Tensor scores = empty(mostScores());
        List<Runnable> blocks = blocks().stream()
                .map(block -> {
                    Probabilities p = new Probabilities(block, q, kt, scores);
                    Tensor values = block.keys(v);
                    Tensor attendedRows = block.queries(o);
                    return (Runnable) () -> {
                        p.compute();
                        product(attendedRows, false, 1, p.p, values);
                    };
                })
                .toList();
        eachHeads(some -> {
            q.copy_(some.ofQueries(query));
            turn(some.ofKeys(key), kt);
            v.copy_(some.ofKeys(value));
            blocks.forEach(Runnable::run);
            some.ofQueries(attended).copy_(o);
        });
        return attended;
    }

    private List<Tensor> backward(Tensor query, Tensor key, Tensor value, Tensor attended, Tensor gradient) {
        Tensor ofAttended = gradient.reshape(attended.sizes());
        Tensor ofQuery = torch.empty_like(query);
        Tensor ofKey = torch.empty_like(key);
        Tensor ofValue = torch.empty_like(value);
        Tensor q = empty(count, length, group, query.size(3));
        Tensor k = empty(count, length, query.size(3));
        Tensor kt = turnedMemory(query.size(3));
        Tensor vt = turnedMemory(value.size(3));
        Tensor dK = torch.empty_like(k);
        Tensor dV = empty(count, length, value.size(3));
        Tensor dO = empty(count, length, group, value.size(3));
        Tensor sums = empty(count, length, group, 1);
        Tensor scores = empty(mostScores());
        Tensor ofScores = torch.empty_like(scores);
        boolean seesAll = window == length;
        List<Runnable> blocks = blocks().stream()
                .map(block -> {
                    Probabilities p = new Probabilities(block, q, kt, scores);
                    Tensor pt = p.p.transpose(1, 2);
                    Tensor dS = block.scores(ofScores);
                    Tensor dSt = dS.transpose(1, 2);
                    Tensor queries = block.queries(q);
                    Tensor ofRows = block.queries(dO);
                    Tensor sumsOfRows = block.queries(sums);
                    Tensor keys = block.keys(k);
                    Tensor values = block.columns(vt);
                    Tensor ofKeys = block.keys(dK);
                    Tensor ofValues = block.keys(dV);
                    boolean add = !seesAll || block.end() < length;
                    return (Runnable) () -> {
                        p.compute();
                        product(ofValues, add, 1, pt, ofRows);
                        product(dS, false, 1, ofRows, values);
                        dS.sub_(sumsOfRows).mul_(p.p);
                        product(ofKeys, add, scale, dSt, queries);
                        product(queries, false, scale, dS, keys);
                    };
                })
                .toList();
        eachHeads(some -> {
            dO.copy_(some.ofQueries(ofAttended));
            sums.copy_(dO.mul(some.ofQueries(attended)).sum(new long[] {3}, true, new ScalarTypeOptional()));
            q.copy_(some.ofQueries(query));
            k.copy_(some.ofKeys(key));
            turn(k, kt);
            turn(some.ofKeys(value), vt);
            if (!seesAll) {
                dK.zero_();
                dV.zero_();
            }
            blocks.forEach(Runnable::run);
            some.ofQueries(ofQuery).copy_(q);
            some.ofKeys(ofKey).copy_(dK);
            some.ofKeys(ofValue).copy_(dV);
        });
        return List.of(ofQuery, ofKey, ofValue);
    }

    /** Scores of the largest block. */
    private long mostScores() {
        return count * group * Math.min(ROWS, length) * mostKeys();
    }

    private Tensor empty(long... shape) {
        return torch.empty(shape, options, null);
    }

    /** {@code P = softmax(scale·Q·Kᵀ)} of a block, in memory that the next block writes over. */
    private final class Probabilities {
        private final Tensor q;
        private final Tensor kt;
        private final Tensor p;
        private final Tensor own;
        private final Tensor future;
        private final @Nullable Tensor far;
        private final @Nullable Tensor past;

        Probabilities(Block block, Tensor q, Tensor kt, Tensor memory) {
            this.q = block.queries(q);
            this.kt = block.columns(kt);
            this.p = block.scores(memory);
            this.own = block.ownKeys(p);
            this.future = block.square(hidden, 0);
            long seeAll = Math.max(0, window - 1 - block.start());
            boolean isFar = seeAll < block.end() - block.start();
            this.far = isFar ? block.farKeys(p, seeAll) : null;
            this.past = isFar ? block.square(hidden.transpose(0, 1), seeAll) : null;
        }

        void compute() {
            product(p, false, scale, q, kt);
            own.add_(future);
            if (far != null && past != null) {
                far.add_(past);
            }
            torch.softmax_out(p, p, 2);
        }
    }

    /** {@code c[i] ← α·a[i]·b[i]}, or added to what is there */
    private void product(Tensor c, boolean add, double alpha, Tensor a, Tensor b) {
        if (inBlocks) {
            BlockProduct.sum(c, add, new BlockProduct.Term(alpha, a, b));
        } else {
            c.baddbmm_(a, b, new Scalar(add ? 1.0 : 0.0), new Scalar(alpha));
        }
    }

    /** For {@code (count, dim, seq)}: libtorch's products take them as they lie in {@code (count, seq, dim)}. */
    private Tensor turnedMemory(long dim) {
        return inBlocks ? empty(count, dim, length) : empty(count, length, dim).transpose(1, 2);
    }

    /** {@code (count, dim, seq)} from {@code (count, seq, dim)} */
    private void turn(Tensor x, Tensor turned) {
        if (inBlocks) {
            BlockProduct.turn(BlockProduct.dense(x.to(hidden.scalar_type())), turned);
        } else {
            turned.copy_(x.transpose(1, 2));
        }
    }

    /** Some heads of keys in a row of the batch, and those of queries that look at them. */
    private record Heads(long row, long first, long count, long group) {
        /** {@code (count, seq, …)} of {@code (batch, seq, keyHeads, …)} */
        Tensor ofKeys(Tensor x) {
            return x.select(0, row).narrow(1, first, count).transpose(0, 1);
        }

        /** {@code (count, seq, group, …)} of {@code (batch, seq, keyHeads·group, …)} */
        Tensor ofQueries(Tensor x) {
            Tensor some = x.select(0, row).narrow(1, first * group, count * group);
            return some.unflatten(1, count, group).transpose(0, 1);
        }
    }

    private void eachHeads(Consumer<Heads> visitor) {
        for (long row = 0; row < rows; row++) {
            for (long first = 0; first < keyHeads; first += count) {
                try (NativeScope scope = new NativeScope()) {
                    visitor.accept(new Heads(row, first, count, group));
                }
            }
        }
    }

    /** The last queries come first. */
    private List<Block> blocks() {
        List<Block> blocks = new ArrayList<>();
        for (long start = (length - 1) / ROWS * ROWS; start >= 0; start -= ROWS) {
            blocks.add(new Block(start, Math.min(start + ROWS, length), Math.max(0, start - window + 1), count, group));
        }
        return blocks;
    }

    /** Some queries, and the keys that any of them sees, which end where they do. */
    private record Block(long start, long end, long first, long count, long group) {
        /** {@code (count, queries·group, …)} of {@code (count, seq, group, …)} */
        Tensor queries(Tensor x) {
            return x.narrow(1, start, end - start).flatten(1, 2);
        }

        /** {@code (count, keys, …)} of {@code (count, seq, …)} */
        Tensor keys(Tensor x) {
            return x.narrow(1, first, end - first);
        }

        /** {@code (count, …, keys)} of {@code (count, …, seq)} */
        Tensor columns(Tensor x) {
            return x.narrow(2, first, end - first);
        }

        /** {@code (count, queries·group, keys)} in memory that is at least as large */
        Tensor scores(Tensor memory) {
            long height = (end - start) * group;
            return memory.narrow(0, 0, count * height * (end - first)).view(count, height, end - first);
        }

        /** {@code (count, queries, group, queries)} of the scores: some of these keys are hidden */
        Tensor ownKeys(Tensor scores) {
            return byQuery(scores).narrow(3, start - first, end - start);
        }

        /** Of the scores of all queries but the first those of as many keys: some of these are out of reach. */
        Tensor farKeys(Tensor scores, long seeAll) {
            long some = end - start - seeAll;
            return byQuery(scores).narrow(1, seeAll, some).narrow(3, 0, some);
        }

        private Tensor byQuery(Tensor rows) {
            return rows.unflatten(1, end - start, group);
        }

        /** {@code (queries, 1, queries)} of a square that is at least as large */
        Tensor square(Tensor x, long less) {
            long some = end - start - less;
            return x.narrow(0, 0, some).narrow(1, 0, some).unsqueeze(1);
        }
    }
}
