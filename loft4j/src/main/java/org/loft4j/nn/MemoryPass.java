package org.loft4j.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.tensor.Dtype;

/**
 * How the memory of a {@link RecurrentMixer} goes through a batch. Its rule would keep many times what the linear layers make for the
 * backward pass, and takes a small part of their time: it is computed once more there, for some rows at a time; packed texts are such
 * rows, each with a memory of its own. A cache carries the memory from one part of a prompt to the next.
 */
public final class MemoryPass {
    /** Tokens that a rule is applied to at a time, but for a row that has more: it bounds what is held beside the layers. */
    public static final long MOST_TOKENS = 1 << 12;

    private MemoryPass() {}

    /** What a memory makes of texts. */
    interface Rule {
        /**
         * Goes through some texts, one a row.
         *
         * @param made what the linear layers make of the tokens, each {@code (batch, seq, …)}
         * @param parameters that are none of linear layers
         * @param cache of what came before, which is carried on; null for none
         * @return {@code (batch, seq, …)}, no view of anything
         */
        Tensor apply(List<Tensor> made, List<Tensor> parameters, @Nullable KeyValueCache cache);
    }

    /**
     * Applies a rule to a batch.
     *
     * @param made see {@link Rule}
     * @return {@code (batch, seq, …)}
     */
    static Tensor apply(Rule rule, List<Tensor> made, List<Tensor> parameters, LayerPass pass) {
        KeyValueCache cache = pass.cache();
        if (pass.segments() != null) {
            return packed(rule, made, parameters, pass.segments());
        }
        long rows = made.get(0).size(0);
        long columns = made.get(0).size(1);
        int cut = cache == null ? 0 : 1;
        List<List<Tensor>> parts = split(made, cache == null ? parts(rows, columns) : parts(columns, rows), cut);
        TensorVector each = new TensorVector(parts.size());
        for (int i = 0; i < parts.size(); i++) {
            each.put(i, ofRows(rule, parts.get(i), parameters, cache));
        }
        return parts.size() == 1 ? each.get(0) : torch.cat(each, cut);
    }

    private static Tensor ofRows(Rule rule, List<Tensor> made, List<Tensor> parameters, @Nullable KeyValueCache cache) {
        List<Tensor> all = new ArrayList<>(made);
        all.addAll(parameters);
        int tokens = made.size();
        return ActivationCheckpoint.ofPart(
                again -> rule.apply(again.subList(0, tokens), again.subList(tokens, again.size()), cache), all);
    }

    /** How many of something are gone through at a time, each of which has so many tokens. */
    private static long[] parts(long all, long tokens) {
        long some = Math.max(1, MOST_TOKENS / tokens);
        long[] sizes = new long[Math.toIntExact((all + some - 1) / some)];
        Arrays.fill(sizes, some);
        sizes[sizes.length - 1] = all - some * (sizes.length - 1);
        return sizes;
    }

    /** Packed texts as rows with zeros behind, which no token before them hears of. */
    private static Tensor packed(Rule rule, List<Tensor> made, List<Tensor> parameters, long[] segments) {
        List<List<Tensor>> texts = split(made, segments, 1);
        TensorVector each = new TensorVector(segments.length);
        int from = 0;
        while (from < segments.length) {
            int to = from + 1;
            long longest = segments[from];
            while (to < segments.length && Math.max(longest, segments[to]) * (to + 1 - from) <= MOST_TOKENS) {
                longest = Math.max(longest, segments[to]);
                to++;
            }
            Tensor rows = ofRows(rule, together(texts.subList(from, to)), parameters, null);
            for (int i = from; i < to; i++) {
                each.put(i, rows.narrow(0, i - from, 1).narrow(1, 0, segments[i]));
            }
            from = to;
        }
        return torch.cat(each, 1);
    }

    private static List<List<Tensor>> split(List<Tensor> made, long[] sizes, long dimension) {
        if (sizes.length == 1) {
            return List.of(made);
        }
        List<TensorVector> all = made.stream()
                .map(part -> part.split_with_sizes(sizes, dimension))
                .toList();
        List<List<Tensor>> parts = new ArrayList<>();
        for (int i = 0; i < sizes.length; i++) {
            int number = i;
            parts.add(all.stream().map(part -> part.get(number)).toList());
        }
        return parts;
    }

    /** Texts {@code (1, seq, …)} as rows, with zeros behind all but the longest. */
    private static List<Tensor> together(List<List<Tensor>> texts) {
        if (texts.size() == 1) {
            return texts.get(0);
        }
        List<Tensor> rows = new ArrayList<>();
        for (int i = 0; i < texts.get(0).size(); i++) {
            int part = i;
            Tensor[] each =
                    texts.stream().map(text -> text.get(part).squeeze(0)).toArray(Tensor[]::new);
            rows.add(torch.pad_sequence(new TensorVector(each), true, 0.0, "right"));
        }
        return rows;
    }

    /** The type that memories are computed in: float32 for a half one. */
    static Tensor wide(Tensor x) {
        return Dtype.of(x).isHalf() ? x.to(Dtype.F32.scalarType()) : x;
    }
}
