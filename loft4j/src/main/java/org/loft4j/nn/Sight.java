package org.loft4j.nn;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;

/**
 * What the tokens of a batch see in the layers of a kind: all others, those before them, near ones alone (Beltagy et al. 2020,
 * arXiv:2004.05150, section 3.1), or those of their chunk. The near ones are looked at some queries at a time, beside the keys that any of them sees, so that
 * work and memory grow with the length and not with its square, in the backward pass too; so are packed texts, one after the other.
 * The tensors belong to the scope in which this was made.
 */
public final class Sight {
    /** Queries at a time, at least: with fewer of them the calls take longer than the products that they spare. */
    private static final long BLOCK = 128;

    private final @Nullable Tensor bias;
    private final boolean causal;
    private final long window;
    private final List<Part> parts;

    /** Some queries, and the keys that any of them sees. */
    private record Cut(long query, long queries, long key, long keys) {
        long pairs() {
            return queries * keys;
        }
    }

    /** What queries see of their keys. */
    private record Part(Cut cut, Sight sight) {}

    /** Attention of queries {@code (batch, seq, heads, headDim)} to keys and values: see {@link Attention#attend}. */
    interface Kernel {
        Tensor attend(Tensor query, Tensor key, Tensor value, @Nullable Tensor bias, boolean causal);
    }

    /**
     * What the biases of a decoder are like.
     *
     * @param dtype see {@link Attention#biasDtype}
     * @param always whether they hide what comes later too, where a kernel would do that itself
     * @param sinks whether they begin with a column for the key of {@link AttentionSinks}
     */
    record Biases(Dtype dtype, boolean always, boolean sinks) {
        private @Nullable Tensor of(@Nullable Tensor bias) {
            return bias == null || !sinks ? bias : AttentionSinks.besideKeys(bias);
        }
    }

    private Sight(@Nullable Tensor bias, boolean causal, long window, List<Part> parts) {
        this.bias = bias;
        this.causal = causal;
        this.window = window;
        this.parts = parts;
    }

    private static Sight whole(@Nullable Tensor bias, boolean causal) {
        return new Sight(bias, causal, 0, List.of());
    }

    /** Of all tokens, where nothing is padded. */
    public static Sight all() {
        return whole(null, false);
    }

    /**
     * Of near tokens that are not padding.
     *
     * @param reach how many to each side are near
     * @param scores see {@link Attention#biasDtype}
     */
    static Sight near(Padding padding, long columns, long reach, Dtype scores) {
        return columns - 1 <= reach
                ? whole(padding.keyBias(scores), false)
                : inParts(
                        padding, columns, columns, new Padding.Near(reach, reach), new Biases(scores, true, false), 0);
    }

    /**
     * Of the tokens of a decoder.
     *
     * @param queries the last of the padding's columns
     * @param generates whether the logits of the last token alone are asked for: then nobody looks at what padding sees
     */
    static Sight of(CausalDecoder.LayerKind kind, Padding padding, long queries, Biases biases, boolean generates) {
        long[] segments = padding.segments();
        if (segments == null) {
            return ofRows(kind, padding, queries, biases, generates);
        }
        Map<Long, Sight> ofLength = new HashMap<>();
        List<Part> parts = new ArrayList<>();
        long start = 0;
        for (long length : segments) {
            Sight sight = ofLength.computeIfAbsent(
                    length, some -> ofRows(kind, padding.unmasked(some), some, biases, generates));
            parts.add(new Part(new Cut(start, length, start, length), sight));
            start += length;
        }
        return new Sight(null, false, 0, parts);
    }

    private static Sight ofRows(
            CausalDecoder.LayerKind kind, Padding padding, long queries, Biases biases, boolean generates) {
        long columns = padding.columns();
        long window = kind.window() == 0 ? columns : kind.window();
        if (kind.bothSides()) {
            return near(padding, columns, kind.window() == 0 ? columns : window / 2, biases.dtype());
        }
        if (columns <= window || padding.hidesBefore() && !generates) {
            Tensor bias = padding.causalBias(
                    queries,
                    kind.window(),
                    kind.inChunks(),
                    biases.always(),
                    kind.futureBelowPadding(),
                    biases.dtype());
            return whole(biases.of(bias), bias == null && queries > 1);
        }
        boolean padded = padding.hidesBefore();
        if (kind.inChunks()) {
            return padded
                    ? inParts(padding, queries, columns, new Padding.Near(window - 1, 0, window), biases, 0)
                    : inChunks(kind, padding, queries, columns, biases);
        }
        Padding seen = padded ? padding : padding.unmasked(columns);
        Padding.Near near = new Padding.Near(window - 1, 0);
        return inParts(seen, queries, columns, near, biases, seen.none() && queries == columns ? window : 0);
    }

    /** Each chunk by itself, of rows that do not begin with padding: there chunks are the same in all rows. */
    private static Sight inChunks(
            CausalDecoder.LayerKind kind, Padding padding, long queries, long columns, Biases biases) {
        Map<Cut, Sight> alike = new HashMap<>();
        List<Part> parts = new ArrayList<>();
        for (long query = columns - queries; query < columns; ) {
            long start = query - query % kind.window();
            long end = Math.min(columns, start + kind.window());
            Cut place = new Cut(query - start, end - query, 0, end - start);
            Sight sight = alike.computeIfAbsent(
                    place, some -> ofRows(kind, padding.unmasked(some.keys()), some.queries(), biases, false));
            parts.add(new Part(new Cut(query, end - query, start, end - start), sight));
            query = end;
        }
        return new Sight(null, false, 0, parts);
    }

    /**
     * @param queries the last of the columns
     * @param near what each sees
     * @param window see {@link BlockAttention}; 0 where that does not compute it
     */
    private static Sight inParts(
            Padding padding, long queries, long columns, Padding.Near near, Biases biases, long window) {
        Map<Cut, Sight> alike = new HashMap<>();
        List<Part> parts = new ArrayList<>();
        for (Cut cut : cuts(queries, columns, near)) {
            // what is not padded looks the same everywhere
            Cut place = padding.none() ? new Cut(cut.query() - cut.key(), cut.queries(), 0, cut.keys()) : cut;
            Sight sight = alike.computeIfAbsent(
                    place,
                    some -> whole(
                            cut.queries() == 1 && padding.none()
                                    ? null
                                    : biases.of(padding.nearBias(
                                            cut.query(), cut.queries(), cut.key(), cut.keys(), near, biases.dtype())),
                            false));
            parts.add(new Part(cut, sight));
        }
        Part only = parts.get(0);
        return only.cut().pairs() == columns * columns ? only.sight() : new Sight(null, false, window, parts);
    }

    private static List<Cut> cuts(long queries, long columns, Padding.Near near) {
        // with as many, every third part shares no keys with another one of these
        long size = Math.max(BLOCK, (near.before() + near.behind() + 1) / 2);
        List<Cut> cuts = new ArrayList<>();
        for (long query = columns - queries; query < columns; query += size) {
            long count = Math.min(columns - query, size);
            long key = Math.max(0, query - near.before());
            cuts.add(new Cut(query, count, key, Math.min(columns, query + count + near.behind()) - key));
        }
        return cuts;
    }

    /**
     * What attention goes through in a row.
     *
     * @param pairs of queries and keys, which have scores
     * @param keys each once for every part of the queries that looks at it
     */
    public record Extent(long pairs, long keys) {}

    /** Of a row of a decoder's tokens that does not begin with padding. */
    public static Extent extent(CausalDecoder.LayerKind kind, long columns) {
        long before = kind.window() == 0 ? columns : kind.bothSides() ? kind.window() / 2 : kind.window() - 1;
        if (columns - 1 <= before) {
            return new Extent(columns * columns, columns);
        }
        if (kind.inChunks()) {
            long rest = columns % kind.window();
            return new Extent((columns - rest) * kind.window() + rest * rest, columns);
        }
        List<Cut> cuts = cuts(columns, columns, new Padding.Near(before, kind.bothSides() ? before : 0));
        return new Extent(
                cuts.stream().mapToLong(Cut::pairs).sum(),
                cuts.stream().mapToLong(Cut::keys).sum());
    }

    /** What is added to the scores of all pairs; null for nothing, and where only near tokens are seen. */
    @Nullable
    Tensor bias() {
        return bias;
    }

    /** The same tokens, with something else added to the scores of all pairs, {@code (batch or 1, heads, seq, seq)}. */
    Sight withBias(Tensor other) {
        return new Sight(other, causal, window, parts);
    }

    /** {@link Attention#attend} of what is seen, {@code (batch, seq, heads·headDim)}, with {@code scale = 1/√headDim}. */
    Tensor attend(Tensor query, Tensor key, Tensor value, double dropout) {
        return attend(query, key, value, dropout, 1 / Math.sqrt(query.size(3)));
    }

    /** The same with another scale. */
    Tensor attend(Tensor query, Tensor key, Tensor value, double dropout, double scale) {
        if (parts.isEmpty()) {
            return Attention.attend(query, key, value, bias, causal, dropout, scale);
        }
        boolean ours = window > 0 && BlockAttention.pays(query, key, Band.window(window), dropout);
        boolean betterWide = isBetterWide(query, ours);
        if (ours && (betterWide || !Dtype.of(query).isHalf())) {
            return BlockAttention.attend(
                    query, key, value, new BlockAttention.Look(scale, Band.window(window), null, dropout));
        }
        if (betterWide) {
            return attend(Attention.wide(query), Attention.wide(key), Attention.wide(value), dropout, scale)
                    .to(query.scalar_type());
        }
        return inParts(
                query,
                forEach(query, key),
                forEach(query, value),
                (sight, q, k, v) -> sight.attend(q, k, v, dropout, scale));
    }

    /** The same by a kernel that ends in {@link Attention#attend}. */
    Tensor attendFused(Tensor query, Tensor key, Tensor value, Kernel kernel) {
        if (parts.isEmpty()) {
            return kernel.attend(query, key, value, bias, causal);
        }
        if (isBetterWide(query, false)) {
            return attendFused(Attention.wide(query), Attention.wide(key), Attention.wide(value), kernel)
                    .to(query.scalar_type());
        }
        return inParts(query, key, value, (sight, q, k, v) -> sight.attendFused(q, k, v, kernel));
    }

    /** The same by a kernel that keeps its scores anyway. */
    Tensor attendUnfused(Tensor query, Tensor key, Tensor value, Kernel kernel) {
        return parts.isEmpty()
                ? kernel.attend(query, key, value, bias, causal)
                : inParts(
                        query,
                        forEach(query, key),
                        forEach(query, value),
                        (sight, q, k, v) -> sight.attendUnfused(q, k, v, kernel));
    }

    /** Whether these are texts of their own, and not parts of one. */
    private boolean isPacked() {
        return parts.stream().map(Part::cut).allMatch(cut -> cut.query() == cut.key() && cut.queries() == cut.keys());
    }

    /** Whether each part of a text would leave its scores behind, being few, and all of them are many. */
    private boolean isBetterWide(Tensor query, boolean ours) {
        long pairs = parts.stream().mapToLong(part -> part.cut().pairs()).sum();
        return query.size(1) > 1
                && !isPacked()
                && Attention.isSlowFused(query)
                && !Attention.keepsScores(query.size(0) * query.size(2) * pairs, ours);
    }

    /** Keys that several parts look at are repeated once for the heads that share them, and not in each part. */
    private Tensor forEach(Tensor query, Tensor keys) {
        return parts.size() == 1 || isPacked() ? keys : Attention.shared(keys, query.size(2));
    }

    private interface Each {
        Tensor attend(Sight sight, Tensor query, Tensor key, Tensor value);
    }

    private Tensor inParts(Tensor query, Tensor key, Tensor value, Each each) {
        long[] sizes = parts.stream().mapToLong(part -> part.cut().queries()).toArray();
        TensorVector queries = query.split_with_sizes(sizes, 1);
        Tensor[] keys = seenBy(key);
        Tensor[] values = seenBy(value);
        TensorVector attended = new TensorVector(parts.size());
        for (int i = 0; i < parts.size(); i++) {
            attended.put(i, each.attend(parts.get(i).sight(), queries.get(i), keys[i], values[i]));
        }
        return torch.cat(attended, 1);
    }

    /**
     * What each part sees of keys or values. Parts that share none are cut out together: of one that is cut out by itself the
     * gradient is as large as all keys.
     */
    private Tensor[] seenBy(Tensor keys) {
        Tensor[] seen = new Tensor[parts.size()];
        List<Integer> left = new ArrayList<>();
        for (int i = 0; i < seen.length; i++) {
            left.add(i);
        }
        while (!left.isEmpty()) {
            List<Integer> apart = new ArrayList<>();
            LongStream.Builder sizes = LongStream.builder();
            long end = 0;
            for (int i : left) {
                Cut cut = parts.get(i).cut();
                if (cut.key() >= end) {
                    sizes.accept(cut.key() - end);
                    sizes.accept(cut.keys());
                    end = cut.key() + cut.keys();
                    apart.add(i);
                }
            }
            sizes.accept(keys.size(1) - end);
            TensorVector pieces = keys.split_with_sizes(sizes.build().toArray(), 1);
            for (int i = 0; i < apart.size(); i++) {
                seen[apart.get(i)] = pieces.get(2L * i + 1);
            }
            left.removeAll(apart);
        }
        return seen;
    }
}
