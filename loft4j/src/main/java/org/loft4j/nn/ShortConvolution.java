package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/**
 * A causal convolution over a few tokens, of each channel by itself, as layers with a memory have it before them. Its kernel is
 * {@code (channels, 1, kernel)}; what came before a text is zero.
 */
final class ShortConvolution {
    private ShortConvolution() {}

    /**
     * What {@link #apply} reads: further inputs behind those before them.
     *
     * @param further {@code (batch, seq, channels)}
     * @param before null at the start of a text
     * @return {@code (batch, kernel − 1 + seq, channels)}
     */
    static Tensor inputs(Tensor further, Tensor kernel, KeyValueCache.@Nullable State before) {
        return before == null
                ? torch.constant_pad_nd(further, 0, 0, kernel.size(2) - 1, 0)
                : torch.cat(new TensorVector(before.inputs(), further), 1);
    }

    /** The inputs that those of the next token go behind. */
    static Tensor last(Tensor inputs, Tensor kernel) {
        long past = kernel.size(2) - 1;
        return inputs.narrow(1, inputs.size(1) - past, past);
    }

    /**
     * Each channel as the sum of its last inputs, with a weight for each.
     *
     * @param inputs see {@link #inputs}
     * @param bias {@code (channels)}; null for none
     * @return {@code (batch, seq, channels)}
     */
    static Tensor apply(Tensor inputs, Tensor kernel, @Nullable Tensor bias) {
        long taps = kernel.size(2);
        long length = inputs.size(1) - taps + 1;
        Tensor first = kernel.select(2, 0).squeeze(1);
        Tensor sum = bias == null
                ? inputs.narrow(1, 0, length).mul(first)
                : torch.addcmul(bias, inputs.narrow(1, 0, length), first);
        for (long i = 1; i < taps; i++) {
            sum = torch.addcmul(
                    sum, inputs.narrow(1, i, length), kernel.select(2, i).squeeze(1));
        }
        return sum;
    }
}
