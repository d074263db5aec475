package org.loft4j.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import org.bytedeco.pytorch.AutoDispatchBelowADInplaceOrView;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.nn.AttentionBlocks.Block;
import org.loft4j.nn.AttentionBlocks.Heads;
import org.loft4j.tensor.BlockProduct;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomStream;

/**
 * Attention on the processor with a backward pass of our own: a block of queries at a time of as many heads as a core's cache
 * holds, with the keys that they see and no others. Heads that share a key and value head are more rows of the same products. The
 * heads at work are copied so that each lies by itself, for in a row of the batch its tokens are as far apart as all heads are wide;
 * the blocks of all rows and heads are views of these copies, made once. As in FlashAttention (Dao et al. 2022, arXiv:2205.14135,
 * algorithm 4) the probabilities are not kept but computed again; of dropout a byte is kept that says whether a probability
 * stayed. Heads of a half type become float32 with these copies, and only what comes out is rounded:
 *
 * <pre>  O = (P ⊙ D)·V
 *   ∂V += (P ⊙ D)ᵀ·∂O,  ∂S = P ⊙ (D ⊙ ∂O·Vᵀ − rowsum(∂O ⊙ O)),  ∂Q = scale·∂S·K,  ∂K += scale·∂Sᵀ·Q</pre>
 *
 * with 0 or {@code 1/(1 − dropout)} in D. libtorch's fused kernel has the same equations and takes longer, most of all where heads share
 * keys (docs/performance.md).
 */
final class BlockAttention {
    /** Scores at a time, which stay in a core's cache: 256 KB in float32. */
    private static final long SCORES = 1 << 16;

    /** The same where products do not go by {@link BlockProduct}, and what libtorch does for a call takes longer. */
    private static final long SCORES_OTHERWISE = 1 << 18;

    /** With fewer tokens the calls take longer than the products. */
    private static final long SHORTEST = 96;

    /** The same with dropout, beside scores that are kept. */
    private static final long SHORTEST_DROPPED = 64;

    /** From here on libtorch's kernel, which takes larger blocks itself, is as fast. */
    private static final long LONGEST = 6144;

    /** The same where OpenBLAS has no small kernels. */
    private static final long LONGEST_OTHERWISE = 1536;

    /**
     * What attention looks at.
     *
     * @param scale of the scores
     * @param band what each query sees
     * @param bias added to the scores, broadcast to {@code (batch, heads, seq, keys)}; null for none
     * @param dropout share of the probabilities that is dropped, drawn from the thread's stream
     */
    record Look(double scale, Band band, @Nullable Tensor bias, double dropout) {
        Look(double scale, Band band) {
            this(scale, band, null, 0);
        }
    }

    private final Look look;
    private final AttentionBlocks cut;
    /** Scores of the heads at work. */
    private final long scoresAtWork;
    /** Whether each probability stays, 1 or 0, in the order in which they are computed; null if all do. */
    private final @Nullable Tensor stays;
    /** By what those that do are multiplied. */
    private final double kept;
    /** Whether products go by {@link BlockProduct}. */
    private final boolean inBlocks;

    private final TensorOptions options;
    private final Tensor hidden;

    /** Takes shapes and type of {@code (batch, seq, heads, headDim)} and {@code (batch, keys, keyHeads, headDim)}. */
    private BlockAttention(Tensor query, Tensor key, Look look, @Nullable AttentionBlocks cut, @Nullable Tensor stays) {
        this.look = look;
        Tensor corner = query.narrow(0, 0, 1).narrow(1, 0, Math.min(AttentionBlocks.ROWS, query.size(1)));
        this.hidden = Attention.future(Dtype.of(query).isHalf() ? Attention.wide(corner) : corner);
        this.options = hidden.options();
        this.inBlocks = BlockProduct.pays(hidden);
        // what is dropped lies in the order of the pass that drew it, whichever thread reads it
        this.cut =
                cut != null ? cut : AttentionBlocks.of(query, key, look.band(), inBlocks ? SCORES : SCORES_OTHERWISE);
        this.scoresAtWork = this.cut.scoresAtWork();
        this.kept = look.dropout() > 0 ? Dropout.kept(look.dropout()) : 1;
        this.stays = look.dropout() > 0 && stays == null ? Dropout.memory(this.cut.scores()) : stays;
    }

    /**
     * Whether this is the better way: on the processor, in a thread that keeps to one core, unless sequences are very short or
     * very long, or seen whole without dropout, which libtorch's kernel does as fast. It does not depend on whether a gradient is
     * wanted, so that what is computed twice has the same digits.
     */
    static boolean pays(Tensor query, Tensor key, Band band, double dropout) {
        long length = query.size(1);
        if (DeviceSpec.of(query).kind() != DeviceSpec.Kind.CPU || Lanes.count() > 1) {
            return false;
        }
        if (dropout > 0) {
            return RandomStream.current() != null && takesDropped(length);
        }
        return !band.equals(Band.WHOLE) && key.size(1) == length && takes(length, band.before() + 1);
    }

    /** Whether sequences whose probabilities are dropped are not too short; without it their scores are kept whole, several times. */
    static boolean takesDropped(long length) {
        return SHORTEST_DROPPED <= length && Engine.hasSmallKernels();
    }

    /** Whether sequences are neither very short nor, where they are seen whole, very long. */
    static boolean takes(long length, long window) {
        return SHORTEST <= length
                && (window < length || length < (Engine.hasSmallKernels() ? LONGEST : LONGEST_OTHERWISE));
    }

    /**
     * Of queries {@code (batch, seq, heads, headDim)}, keys {@code (batch, keys, keyHeads, headDim)} and values {@code (batch, keys,
     * keyHeads, valueDim)}, heads a multiple of keyHeads; as many keys as queries unless all see all.
     *
     * @return {@code (batch, seq, heads·valueDim)}
     */
    static Tensor attend(Tensor query, Tensor key, Tensor value, Look look) {
        if (query.size(2) % key.size(2) != 0 || value.size(2) != key.size(2)) {
            throw new ShapeException(
                    "heads of queries must be a multiple of those of keys, and values have as many as keys, got "
                            + query.size(2) + ", " + key.size(2) + " and " + value.size(2));
        }
        Look all = new Look(look.scale(), look.band(), ofAllPairs(look.bias(), query, key), look.dropout());
        AttentionBlocks cut;
        Tensor attended;
        Tensor stays;
        try (NativeScope scope = new NativeScope();
                AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
            BlockAttention attention = new BlockAttention(query, key, all, null, null);
            cut = attention.cut;
            attended = scope.toEnclosing(attention.forward(query, key, value));
            stays = attention.stays == null ? null : scope.toEnclosing(attention.stays);
        }
        List<Tensor> inputs = new ArrayList<>(List.of(query, key, value));
        if (all.bias() != null) {
            inputs.add(all.bias());
        }
        List<Tensor> saved = new ArrayList<>(inputs);
        saved.add(attended);
        if (stays != null) {
            saved.add(stays);
        }
        boolean learnsBias = look.bias() != null && look.bias().requires_grad();
        AutogradFunction.lead(
                "attention has no second derivative on the processor", attended, inputs, saved, (again, gradient) -> {
                    try (AutoDispatchBelowADInplaceOrView noAutograd = new AutoDispatchBelowADInplaceOrView()) {
                        Tensor bias = all.bias() == null ? null : again.get(3);
                        Tensor made = again.get(inputs.size());
                        return new BlockAttention(
                                        again.get(0),
                                        again.get(1),
                                        new Look(all.scale(), all.band(), bias, all.dropout()),
                                        cut,
                                        all.dropout() > 0 ? again.get(inputs.size() + 1) : null)
                                .backward(again.get(0), again.get(1), again.get(2), made, gradient, learnsBias);
                    }
                });
        return attended.flatten(2, 3);
    }

    /** {@code (batch, heads, seq, keys)} */
    private static @Nullable Tensor ofAllPairs(@Nullable Tensor bias, Tensor query, Tensor key) {
        return bias == null ? null : bias.expand(query.size(0), query.size(2), query.size(1), key.size(1));
    }

    private Tensor forward(Tensor query, Tensor key, Tensor value) {
        Tensor attended = query.new_empty(cut.rows(), cut.length(), query.size(2), value.size(3));
        Tensor q = empty(cut.atWork(), cut.length(), cut.group(), query.size(3));
        Tensor kt = turnedMemory(query.size(3));
        Tensor v = empty(cut.atWork(), cut.keyLength(), value.size(3));
        Tensor o = empty(cut.atWork(), cut.length(), cut.group(), value.size(3));
        Tensor scores = empty(cut.mostScores());
        List<Consumer<Heads>> blocks = new ArrayList<>();
        for (Block block : cut.all()) {
            Probabilities p = new Probabilities(block, q, kt, scores);
            Tensor values = block.ofKeys(v);
            Tensor attendedRows = block.ofQueries(o);
            blocks.add(some -> {
                p.compute(some);
                p.drop(some, p.p);
                product(attendedRows, false, kept, p.p, values);
            });
        }
        cut.eachHeads(some -> {
            copy(some.ofQueries(query), q);
            turn(some.ofKeys(key).flatten(0, 1), kt);
            copy(some.ofKeys(value), v);
            if (stays != null) {
                Dropout.draw(look.dropout(), ofHeads(stays, some));
            }
            blocks.forEach(block -> block.accept(some));
            copyBack(o, some.ofQueries(attended));
        });
        return attended;
    }

    private List<@Nullable Tensor> backward(
            Tensor query, Tensor key, Tensor value, Tensor attended, Tensor gradient, boolean learnsBias) {
        Tensor ofAttended = gradient.reshape(attended.sizes());
        Tensor ofQuery = torch.empty_like(query);
        Tensor ofKey = torch.empty_like(key);
        Tensor ofValue = torch.empty_like(value);
        Tensor ofBias = look.bias() != null && learnsBias ? torch.zeros_like(look.bias()) : null;
        Tensor q = empty(cut.atWork(), cut.length(), cut.group(), query.size(3));
        Tensor k = empty(cut.atWork(), cut.keyLength(), query.size(3));
        Tensor kt = turnedMemory(query.size(3));
        Tensor vt = turnedMemory(value.size(3));
        Tensor dK = torch.empty_like(k);
        Tensor dV = empty(cut.atWork(), cut.keyLength(), value.size(3));
        Tensor dO = empty(cut.atWork(), cut.length(), cut.group(), value.size(3));
        Tensor sums = empty(cut.atWork(), cut.length(), cut.group(), 1);
        Tensor scores = empty(cut.mostScores());
        Tensor ofScores = torch.empty_like(scores);
        Tensor left = stays == null ? scores : torch.empty_like(scores);
        List<Block> all = cut.all();
        boolean firstSeesAll = all.get(0).keys() == cut.keyLength();
        List<Consumer<Heads>> blocks = new ArrayList<>();
        for (Block block : all) {
            Probabilities p = new Probabilities(block, q, kt, scores);
            Tensor pLeft = block.scores(left, 0);
            Tensor pLeftT = pLeft.transpose(1, 2);
            Tensor dS = block.scores(ofScores, 0);
            Tensor dSt = dS.transpose(1, 2);
            Tensor queries = block.ofQueries(q);
            Tensor ofRows = block.ofQueries(dO);
            Tensor sumsOfRows = block.ofQueries(sums);
            Tensor keys = block.ofKeys(k);
            Tensor values = block.columns(vt);
            Tensor ofKeys = block.ofKeys(dK);
            Tensor ofValues = block.ofKeys(dV);
            boolean add = !firstSeesAll || !blocks.isEmpty();
            blocks.add(some -> {
                p.compute(some);
                p.drop(some, pLeft);
                product(ofValues, add, kept, pLeftT, ofRows);
                product(dS, false, kept, ofRows, values);
                if (stays == null) {
                    dS.sub_(sumsOfRows).mul_(p.p);
                } else {
                    dS.mul_(pLeft).addcmul_(p.p, sumsOfRows, new Scalar(-1.0));
                }
                if (ofBias != null) {
                    Tensor ofSome = some.ofScores(ofBias, block);
                    ofSome.copy_(dS.view(ofSome.sizes()));
                }
                product(ofKeys, add, look.scale(), dSt, queries);
                product(queries, false, look.scale(), dS, keys);
            });
        }
        cut.eachHeads(some -> {
            Tensor ofSome = some.ofQueries(ofAttended);
            copy(ofSome, dO);
            Tensor products = dO.view(ofSome.sizes()).mul(some.ofQueries(attended));
            sums.view(-1)
                    .copy_(products.sum(new long[] {4}, false, new ScalarTypeOptional())
                            .flatten());
            copy(some.ofQueries(query), q);
            copy(some.ofKeys(key), k);
            turn(k, kt);
            turn(some.ofKeys(value).flatten(0, 1), vt);
            if (!firstSeesAll) {
                dK.zero_();
                dV.zero_();
            }
            blocks.forEach(block -> block.accept(some));
            copyBack(q, some.ofQueries(ofQuery));
            copyBack(dK, some.ofKeys(ofKey));
            copyBack(dV, some.ofKeys(ofValue));
        });
        return look.bias() == null ? List.of(ofQuery, ofKey, ofValue) : Arrays.asList(ofQuery, ofKey, ofValue, ofBias);
    }

    private Tensor empty(long... shape) {
        return torch.empty(shape, options, null);
    }

    private static void copy(Tensor from, Tensor memory) {
        memory.view(from.sizes()).copy_(from);
    }

    private static void copyBack(Tensor memory, Tensor to) {
        to.copy_(memory.view(to.sizes()));
    }

    /** Of what belongs to the scores of all heads those of some. */
    private Tensor ofHeads(Tensor ofScores, Heads some) {
        return ofScores.narrow(0, some.index() * scoresAtWork, scoresAtWork);
    }

    /** {@code P = softmax(scale·Q·Kᵀ + bias)} of a block, in memory that the next block writes over. */
    private final class Probabilities {
        private final Block block;
        private final Tensor q;
        private final Tensor kt;
        private final Tensor p;
        /** Of the scores those of keys some of which are hidden, beside what hides them; null for none. */
        private final @Nullable Tensor behind;

        private final @Nullable Tensor future;
        private final @Nullable Tensor far;
        private final @Nullable Tensor past;

        Probabilities(Block block, Tensor q, Tensor kt, Tensor memory) {
            this.block = block;
            this.q = block.ofQueries(q);
            this.kt = block.columns(kt);
            this.p = block.scores(memory, 0);
            Tensor byQuery = block.byQuery(p);
            long count = block.queries();
            long next = block.start() + look.band().behind();
            long columns = Math.min(count, block.last() - next);
            this.behind = columns > 0 ? byQuery.narrow(3, next - block.first(), columns) : null;
            this.future = columns > 0 ? square(hidden, count, columns) : null;
            long seeAll = Math.max(0, look.band().before() - block.start());
            long rest = count - seeAll;
            this.far = rest > 0 ? byQuery.narrow(1, seeAll, rest).narrow(3, 0, rest) : null;
            this.past = rest > 0 ? square(hidden.transpose(0, 1), rest, rest) : null;
        }

        /** {@code (queries, 1, keys)} of a square that is at least as large */
        private static Tensor square(Tensor x, long queries, long keys) {
            return x.narrow(0, 0, queries).narrow(1, 0, keys).unsqueeze(1);
        }

        void compute(Heads some) {
            product(p, false, look.scale(), q, kt);
            if (behind != null) {
                behind.add_(Objects.requireNonNull(future));
            }
            if (far != null) {
                far.add_(Objects.requireNonNull(past));
            }
            if (look.bias() != null) {
                Tensor ofSome = some.ofScores(look.bias(), block);
                p.view(ofSome.sizes()).add_(ofSome);
            }
            torch.softmax_out(p, p, 2);
        }

        /** Those that stay, zeros where dropout says so; all of them are there already without dropout. */
        void drop(Heads some, Tensor left) {
            if (stays != null) {
                long from = some.index() * scoresAtWork + cut.atWork() * cut.group() * block.before();
                torch.mul_out(left, p, block.scores(stays, from));
            }
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

    /** For {@code (atWork, dim, keys)}: libtorch's products take them as they lie in {@code (atWork, keys, dim)}. */
    private Tensor turnedMemory(long dim) {
        return inBlocks
                ? empty(cut.atWork(), dim, cut.keyLength())
                : empty(cut.atWork(), cut.keyLength(), dim).transpose(1, 2);
    }

    /** {@code (atWork, dim, keys)} from {@code (atWork, keys, dim)} */
    private void turn(Tensor x, Tensor turned) {
        if (inBlocks) {
            BlockProduct.turn(BlockProduct.dense(x.to(hidden.scalar_type())), turned);
        } else {
            turned.copy_(x.transpose(1, 2));
        }
    }
}
