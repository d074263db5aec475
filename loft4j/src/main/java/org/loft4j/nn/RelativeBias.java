package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Tensors;

/**
 * What the distance of two tokens adds to their score, for each head a number of its own, the same in all layers; Raffel et al.
 * 2019 (arXiv:1910.10683), section 2.1. Half of the rows of the table are for tokens that come before the one that looks, itself
 * among them, and half for later ones. Of a half, one part has a row for each distance, the other puts distances together on a
 * logarithmic scale, up to 128 and beyond.
 */
public final class RelativeBias {
    /** Rows of the table. */
    public static final int BUCKETS = 32;

    private static final int HALF = BUCKETS / 2;
    private static final int EXACT = HALF / 2;
    private static final double FAR = 128;

    private final Tensor table;

    /** @param table {@code (32, heads)}, owned by the model's weights */
    public RelativeBias(Tensor table) {
        this.table = table;
    }

    /**
     * The bias {@code (1, heads, seq, seq)} of queries (rows) and keys.
     *
     * @param scores see {@link Attention#biasDtype}
     */
    Tensor forward(long length, Dtype scores) {
        Tensor rows = buckets(length).to(DeviceSpec.of(table).torch(), Dtype.I64.scalarType());
        // token i sees the tokens 0, 1, … at the distances that begin at length − 1 − i
        return torch.embedding(table, rows)
                .to(scores.scalarType())
                .unfold(0, length, 1)
                .flip(0)
                .permute(1, 0, 2)
                .unsqueeze(0);
    }

    /**
     * Row of the table for each distance j − i from 1 − length to length − 1, int64. The logarithm is libtorch's in float32, as in
     * the reference: next to a whole number the rounding decides.
     */
    static Tensor buckets(long length) {
        Tensor distances =
                torch.arange(new Scalar(1 - length), new Scalar(length), Tensors.options(Dtype.I64, DeviceSpec.CPU));
        Tensor width = distances.abs();
        Tensor far = width.clamp_min(new Scalar(EXACT))
                .to(Dtype.F32.scalarType())
                .div(new Scalar((double) EXACT))
                .log()
                .div(new Scalar(Math.log(FAR / EXACT)))
                .mul(new Scalar((double) (HALF - EXACT)))
                .to(Dtype.I64.scalarType())
                .add(new Scalar(EXACT))
                .clamp_max(new Scalar(HALF - 1));
        Tensor row = torch.where(width.lt(new Scalar(EXACT)), width, far);
        return row.add(distances.gt(new Scalar(0)).to(Dtype.I64.scalarType()).mul(new Scalar(HALF)));
    }
}
