package org.loft4j.nn;

import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;

/**
 * Causal attention on the processor with a backward pass of our own: a block of queries at a time, all heads at once, with the
 * keys that it sees and no others. As in FlashAttention (Dao et al. 2022, arXiv:2205.14135, algorithm 4) the probabilities are
 * not kept but computed again, and
 *
 * <pre>  ∂V += Pᵀ·∂O,  ∂S = P ⊙ (∂O·Vᵀ − rowsum(∂O ⊙ O)),  ∂Q = scale·∂S·K,  ∂K += scale·∂Sᵀ·Q</pre>
 *
 * libtorch's fused kernel has the same equations and takes longer, most of all at 256 and 512 tokens (docs/performance.md).
 */
final class CausalAttention {
    /** Queries at a time: with more of them, more of the keys are computed that they do not see. */
    private static final long ROWS = 64;

    /** Scores at a time, which stay in the cache: 1 MB in float32. */
    private static final long SCORES = 1 << 18;

    /** Below it the calls take longer than the products; from the other on libtorch takes larger blocks itself. */
    private static final long SHORTEST = 96;

    private static final long LONGEST = 1536;

    private final Scalar scale;
    private final Scalar zero = new Scalar(0.0);
    private final Scalar one = new Scalar(1.0);
    private final long rows;
    private final long length;
    private final long heads;
    private final long headsAtOnce;
    private final Tensor hidden;
    private final Tensor scores;

    /** @param query {@code (batch, seq, heads, headDim)}, for its shape and type */
    private CausalAttention(Tensor query, double scale) {
        this.scale = new Scalar(scale);
        this.rows = query.size(0);
        this.length = query.size(1);
        this.heads = query.size(2);
        this.headsAtOnce = Math.min(heads, Math.max(1, SCORES / (ROWS * length)));
        this.hidden = Attention.future(query.narrow(1, 0, Math.min(ROWS, length)));
        this.scores = scratch();
    }

    private Tensor scratch() {
        return torch.empty(new long[] {headsAtOnce * Math.min(ROWS, length) * length}, hidden.options(), null);
    }

    /**
     * Whether this is the faster way: on the processor, in a thread that keeps to one core, unless sequences are very short or
     * very long. It does not depend on whether a gradient is wanted, so that what is computed twice has the same digits.
     */
    static boolean pays(Tensor query, Tensor key, Tensor value) {
        Dtype dtype = Dtype.of(query);
        long length = query.size(1);
        return (dtype == Dtype.F32 || dtype == Dtype.F64)
                && DeviceSpec.of(query).kind() == DeviceSpec.Kind.CPU
                && Lanes.count() == 1
                && key.size(1) == length
                && value.size(3) == query.size(3)
                && SHORTEST <= length
                && length < LONGEST;
    }

    /**
     * All are of the shape {@code (batch, seq, heads, headDim)}.
     *
     * @return {@code (batch, seq, heads·headDim)}
     */
    static Tensor attend(Tensor query, Tensor key, Tensor value, double scale) {
        Tensor attended;
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            attended = new CausalAttention(query, scale).forward(query, key, value);
        }
        AutogradFunction.lead(
                "causal attention has no second derivative on the processor",
                attended,
                List.of(query, key, value),
                List.of(query, key, value, attended),
                (saved, gradient) -> new CausalAttention(saved.get(0), scale)
                        .backward(saved.get(0), saved.get(1), saved.get(2), saved.get(3), gradient));
        return attended.flatten(2, 3);
    }

    private Tensor forward(Tensor query, Tensor key, Tensor value) {
        Tensor attended = torch.empty_like(query);
        eachHeads(some -> {
            Tensor q = some.of(query);
            Tensor k = some.of(key);
            Tensor v = some.of(value);
            Tensor o = some.of(attended);
            eachBlock(block -> {
                Tensor p = probabilities(block, block.queries(q), block.keys(k));
                torch.bmm_out(block.queries(o), p, block.keys(v));
            });
        });
        return attended;
    }

    private List<Tensor> backward(Tensor query, Tensor key, Tensor value, Tensor attended, Tensor gradient) {
        Tensor ofAttended = gradient.reshape(query.sizes());
        Tensor rowSums = ofAttended.mul(attended).sum(new long[] {3}, true, new ScalarTypeOptional());
        Tensor ofQuery = torch.empty_like(query);
        Tensor ofKey = torch.empty_like(query);
        Tensor ofValue = torch.empty_like(query);
        Tensor ofScores = scratch();
        eachHeads(some -> {
            Tensor allQ = some.of(query);
            Tensor allK = some.of(key);
            Tensor allV = some.of(value);
            Tensor allDo = some.of(ofAttended);
            Tensor allSums = some.of(rowSums);
            Tensor allDq = some.of(ofQuery);
            Tensor allDk = some.of(ofKey);
            Tensor allDv = some.of(ofValue);
            eachBlock(block -> {
                // the first block sees all keys and writes their gradients, those after it add to them
                Scalar before = block.end() == length ? zero : one;
                Tensor q = block.queries(allQ);
                Tensor k = block.keys(allK);
                Tensor dO = block.queries(allDo);
                Tensor p = probabilities(block, q, k);
                block.keys(allDv).baddbmm_(p.transpose(1, 2), dO, before, one);
                Tensor dS = block.scores(ofScores, allQ.size(0));
                dS.baddbmm_(dO, block.keys(allV).transpose(1, 2), zero, one)
                        .sub_(block.queries(allSums))
                        .mul_(p);
                block.queries(allDq).baddbmm_(dS, k, zero, scale);
                block.keys(allDk).baddbmm_(dS.transpose(1, 2), q, before, scale);
            });
        });
        return List.of(ofQuery, ofKey, ofValue);
    }

    /** {@code P = softmax(scale·Q·Kᵀ)} of a block, in memory that the next block writes over. */
    private Tensor probabilities(Block block, Tensor q, Tensor k) {
        Tensor p = block.scores(scores, q.size(0));
        p.baddbmm_(q, k.transpose(1, 2), zero, scale);
        block.ownKeys(p).add_(block.square(hidden));
        return torch.softmax_out(p, p, 2);
    }

    /** Some heads of a row of the batch. */
    private record Heads(long row, long first, long count) {
        /** {@code (count, seq, …)} of {@code (batch, seq, heads, …)} */
        Tensor of(Tensor x) {
            return x.select(0, row).narrow(1, first, count).transpose(0, 1);
        }
    }

    private void eachHeads(Consumer<Heads> visitor) {
        for (long row = 0; row < rows; row++) {
            for (long first = 0; first < heads; first += headsAtOnce) {
                try (NativeScope scope = new NativeScope()) {
                    visitor.accept(new Heads(row, first, Math.min(headsAtOnce, heads - first)));
                }
            }
        }
    }

    /** The last queries come first. */
    private void eachBlock(Consumer<Block> visitor) {
        for (long start = (length - 1) / ROWS * ROWS; start >= 0; start -= ROWS) {
            visitor.accept(new Block(start, Math.min(start + ROWS, length)));
        }
    }

    /** Some queries, and the keys that the last of them sees, which end where they do. */
    private record Block(long start, long end) {
        /** {@code (heads, queries, …)} of {@code (heads, seq, …)} */
        Tensor queries(Tensor x) {
            return x.narrow(1, start, end - start);
        }

        /** {@code (heads, keys, …)} of {@code (heads, seq, …)} */
        Tensor keys(Tensor x) {
            return x.narrow(1, 0, end);
        }

        /** {@code (heads, queries, keys)} in memory that is at least as large */
        Tensor scores(Tensor memory, long heads) {
            return memory.narrow(0, 0, heads * (end - start) * end).view(heads, end - start, end);
        }

        /** {@code (heads, queries, queries)} of the scores: some of these keys are hidden */
        Tensor ownKeys(Tensor scores) {
            return scores.narrow(2, start, end - start);
        }

        /** {@code (queries, queries)} of a square that is at least as large */
        Tensor square(Tensor x) {
            return x.narrow(0, 0, end - start).narrow(1, 0, end - start);
        }
    }
}
