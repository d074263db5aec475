package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;

/**
 * What the tokens of a batch see in the layers of an encoder: all others, or near ones alone (Beltagy et al. 2020, arXiv:2004.05150,
 * section 3.1). The near ones are looked at some queries at a time, beside the keys that any of them sees, so that work and memory
 * grow with the length and not with its square, in the backward pass too. The tensors belong to the scope in which this was made.
 */
public final class Sight {
    /** Queries at a time, at least: fewer would look at more keys that are far from most of them. */
    private static final long BLOCK = 256;

    private final @Nullable Tensor bias;
    private final List<Part> parts;

    /** Some queries, the keys that any of them sees, and what is added to their scores. */
    private record Part(long query, long queries, long key, long keys, Tensor bias) {}

    private Sight(@Nullable Tensor bias, List<Part> parts) {
        this.bias = bias;
        this.parts = parts;
    }

    /** Of all tokens, where nothing is padded. */
    public static Sight all() {
        return new Sight(null, List.of());
    }

    /**
     * Of near tokens that are not padding.
     *
     * @param reach how many to each side are near
     * @param scores see {@link Attention#biasDtype}
     */
    static Sight near(Padding padding, long columns, long reach, Dtype scores) {
        if (columns - 1 <= reach) {
            return new Sight(padding.keyBias(scores), List.of());
        }
        // with as much, no two parts share keys between which another lies
        long most = Math.max(BLOCK, 4 * reach);
        long blocks = (columns + most - 1) / most;
        if (blocks == 1) {
            return new Sight(padding.nearBias(0, columns, 0, columns, reach, scores), List.of());
        }
        List<Part> parts = new ArrayList<>();
        for (long block = 0; block < blocks; block++) {
            long query = columns * block / blocks;
            long end = columns * (block + 1) / blocks;
            long key = Math.max(0, query - reach);
            long keys = Math.min(columns, end + reach) - key;
            Tensor bias = padding.nearBias(query, end - query, key, keys, reach, scores);
            parts.add(new Part(query, end - query, key, keys, bias));
        }
        return new Sight(null, parts);
    }

    /** What is added to the scores of all pairs; null for nothing, and where only near tokens are seen. */
    @Nullable
    Tensor bias() {
        return bias;
    }

    /** The same tokens, with something else added to the scores of all pairs, {@code (batch or 1, heads, seq, seq)}. */
    Sight withBias(Tensor other) {
        return new Sight(other, parts);
    }

    /** {@link Attention#attend} of what is seen, {@code (batch, seq, heads·headDim)}. */
    Tensor attend(Tensor query, Tensor key, Tensor value, double dropout) {
        if (parts.isEmpty()) {
            return Attention.attend(query, key, value, bias, false, dropout);
        }
        long columns = query.size(1);
        long scores = query.size(0) * query.size(2) * columns * columns;
        if (Attention.isSlowFused(query) && !Attention.keepsScores(scores, columns, false)) {
            // else each part would leave its scores behind, being few, and all of them are many
            return inParts(Attention.wide(query), Attention.wide(key), Attention.wide(value), dropout)
                    .to(query.scalar_type());
        }
        return inParts(query, key, value, dropout);
    }

    private Tensor inParts(Tensor query, Tensor key, Tensor value, double dropout) {
        long[] sizes = parts.stream().mapToLong(Part::queries).toArray();
        TensorVector queries = query.split_with_sizes(sizes, 1);
        List<Tensor> keys = windows(key);
        List<Tensor> values = windows(value);
        TensorVector attended = new TensorVector(parts.size());
        for (int i = 0; i < parts.size(); i++) {
            Tensor bias = parts.get(i).bias();
            attended.put(i, Attention.attend(queries.get(i), keys.get(i), values.get(i), bias, false, dropout));
        }
        return torch.cat(attended, 1);
    }

    /**
     * What each part sees of keys or values. They are cut twice, at every second part: of one that is cut out by itself the gradient
     * is as large as all keys.
     */
    private List<Tensor> windows(Tensor keys) {
        List<TensorVector> cut = List.of(cut(keys, 0), cut(keys, 1));
        List<Tensor> windows = new ArrayList<>();
        for (int i = 0; i < parts.size(); i++) {
            windows.add(cut.get(i % 2).get(2 * (i / 2) + 1));
        }
        return windows;
    }

    /** The keys of every second part from the first on, what lies before each, and what is left. */
    private TensorVector cut(Tensor keys, int first) {
        LongStream.Builder sizes = LongStream.builder();
        long end = 0;
        for (int i = first; i < parts.size(); i += 2) {
            Part part = parts.get(i);
            sizes.accept(part.key() - end);
            sizes.accept(part.keys());
            end = part.key() + part.keys();
        }
        sizes.accept(keys.size(1) - end);
        return keys.split_with_sizes(sizes.build().toArray(), 1);
    }
}
