package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * What the distance of two tokens adds to their score, for each head a number of its own, the same in all layers; Raffel et al.
 * 2019 (arXiv:1910.10683), section 2.1. Where tokens see both sides, half of the rows of the table are for tokens that come before
 * the one that looks, itself among them, and half for later ones; else all are for those before it. Of these rows, the first half
 * has a row for each distance, the other puts distances together on a logarithmic scale, up to a greatest one and beyond.
 */
public final class RelativeBias {
    /** Rows of the table that models have as a rule. */
    public static final int BUCKETS = 32;

    /** The greatest distance that they tell from larger ones. */
    public static final int FAR = 128;

    private final Tensor table;
    private final double far;
    private final boolean bothSides;

    /**
     * Of tokens that see both sides, with distances up to {@link #FAR}.
     *
     * @param table {@code (rows, heads)}, owned by the model's weights
     */
    public RelativeBias(Tensor table) {
        this(table, FAR, true);
    }

    /**
     * @param table {@code (rows, heads)}, owned by the model's weights
     * @param far from which distance on all have one row
     * @param bothSides whether tokens see those behind them; they have no rows of their own otherwise
     */
    public RelativeBias(Tensor table, double far, boolean bothSides) {
        this.table = table;
        this.far = far;
        this.bothSides = bothSides;
    }

    /**
     * The bias {@code (1, heads, queries, length)} of queries (rows) and keys.
     *
     * @param queries the last of the tokens
     * @param scores see {@link Attention#biasDtype}
     */
    Tensor forward(long queries, long length, Dtype scores) {
        Tensor rows = buckets(queries, length, table.size(0), far, bothSides)
                .to(DeviceSpec.of(table).torch(), Dtype.I64.scalarType());
        // the last token sees the tokens 0, 1, … at the distances that come first, each token before it at those one
        // further on
        return torch.embedding(table, rows)
                .to(scores.scalarType())
                .unfold(0, length, 1)
                .flip(0)
                .permute(1, 0, 2)
                .unsqueeze(0);
    }

    /**
     * Row of the table for each distance j − i, from that of the first key to the last query to that of the last key to the first
     * query, int64. The logarithm is libtorch's in float32, as in the reference: next to a whole number the rounding decides.
     */
    static Tensor buckets(long queries, long length, long rows, double far, boolean bothSides) {
        long own = bothSides ? rows / 2 : rows;
        long exact = own / 2;
        Tensor distances =
                torch.arange(new Scalar(1 - length), new Scalar(queries), Tensors.options(Dtype.I64, DeviceSpec.CPU));
        Tensor width = bothSides ? distances.abs() : distances.neg().clamp_min(new Scalar(0));
        Tensor together = width.clamp_min(new Scalar(exact))
                .to(Dtype.F32.scalarType())
                .div(new Scalar((double) exact))
                .log()
                .div(new Scalar(Math.log(far / exact)))
                .mul(new Scalar((double) (own - exact)))
                .to(Dtype.I64.scalarType())
                .add(new Scalar(exact))
                .clamp_max(new Scalar(own - 1));
        Tensor row = torch.where(width.lt(new Scalar(exact)), width, together);
        return bothSides
                ? row.add(distances.gt(new Scalar(0)).to(Dtype.I64.scalarType()).mul(new Scalar(own)))
                : row;
    }
}
