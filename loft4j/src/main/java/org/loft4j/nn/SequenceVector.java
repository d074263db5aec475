package org.loft4j.nn;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.Dtype;

/** One vector {@code (batch, hidden)} for each sequence of states {@code (batch, seq, hidden)}. */
public final class SequenceVector {
    private SequenceVector() {}

    /** The state of the first token, on whichever side the padding is. */
    public static Tensor first(Tensor hidden, Padding padding) {
        Tensor firsts = padding.firstTokens();
        return firsts == null ? hidden.select(1, 0) : hidden.flatten(0, 1).index_select(0, firsts);
    }

    /** The state of the last token, on whichever side the padding is. */
    public static Tensor last(Tensor hidden, Padding padding) {
        Tensor lasts = padding.lastTokens();
        return lasts == null
                ? hidden.select(1, hidden.size(1) - 1)
                : hidden.flatten(0, 1).index_select(0, lasts);
    }

    /**
     * What a pooling makes of them.
     *
     * @param pooling cls, mean or last: the others have layers of their own
     */
    public static Tensor of(Pooling pooling, Tensor hidden, Padding padding) {
        return switch (pooling) {
            case MEAN -> mean(hidden, padding);
            case LAST -> last(hidden, padding);
            case CLS, POOLER, AUTO -> first(hidden, padding);
        };
    }

    /** The mean of the states of all tokens; zeros for a row without any. */
    public static Tensor mean(Tensor hidden, Padding padding) {
        Dtype dtype = Dtype.of(hidden);
        if (dtype == Dtype.F16) {
            // the sum of a long text is beyond its largest number
            return mean(hidden.to(Dtype.F32.scalarType()), padding).to(dtype.scalarType());
        }
        Tensor tokens = padding.weights(dtype);
        if (tokens == null) {
            return hidden.mean(new long[] {1}, false, new ScalarTypeOptional());
        }
        Tensor counts =
                tokens.sum(new long[] {1}, true, new ScalarTypeOptional()).clamp_min(new Scalar(1));
        return tokens.unsqueeze(1).matmul(hidden).squeeze(1).div(counts);
    }
}
