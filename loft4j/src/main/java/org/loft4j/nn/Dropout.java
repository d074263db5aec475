package org.loft4j.nn;

import java.util.Objects;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomStream;

/** Dropout; Srivastava et al. 2014 (JMLR 15), section 4, with the kept values scaled by {@code 1/(1 − share)}. */
public final class Dropout {
    private static final long PARTS = 1 << Short.SIZE;

    private Dropout() {}

    /** Drops a share of the values while training, drawn from the thread's {@link RandomStream}; the tensor itself otherwise. */
    public static Tensor apply(Tensor x, double share, boolean training) {
        if (!training || share <= 0) {
            return x;
        }
        Generator own = x.is_cuda() ? null : RandomStream.current();
        if (own == null) {
            return torch.dropout(x, share, true);
        }
        Tensor dropped = memory(x.numel());
        draw(share, dropped);
        // autograd keeps the bytes alone
        return x.masked_fill(dropped.view(x.sizes()), new Scalar(0.0)).mul_(new Scalar(kept(share)));
    }

    /** For {@link #draw}: a byte for each of so many values. */
    static Tensor memory(long values) {
        return torch.empty(new long[] {values}, new TensorOptions(torch.ScalarType.Bool), null);
    }

    /**
     * Says of each value whether it is dropped, drawn from the thread's {@link RandomStream}, which there is. A value takes sixteen
     * bits of a random number: the share is a multiple of 2⁻¹⁶.
     */
    static void draw(double share, Tensor dropped) {
        Generator own = Objects.requireNonNull(RandomStream.current(), "a stream");
        try (NativeScope scope = new NativeScope()) {
            long values = dropped.numel();
            Tensor bits = torch.empty(new long[] {(values + 3) / 4}, new TensorOptions(torch.ScalarType.Long), null)
                    .random_(Long.MIN_VALUE, new LongOptional(), new GeneratorOptional(own));
            Tensor each = bits.view(torch.ScalarType.Short).narrow(0, 0, values);
            torch.lt_out(dropped, each, new Scalar((double) (Short.MIN_VALUE + parts(share))));
        }
    }

    /** By what the values that are kept are multiplied. */
    static double kept(double share) {
        return 1 / (1 - parts(share) / (double) PARTS);
    }

    private static long parts(double share) {
        return Math.min(PARTS - 1, Math.round(share * PARTS));
    }

    /** Whether what happens with this probability happens now, drawn likewise. */
    static boolean happens(double probability) {
        Tensor one = torch.empty(1);
        Generator own = RandomStream.current();
        return one.bernoulli_(probability, own == null ? new GeneratorOptional() : new GeneratorOptional(own))
                        .item_double()
                > 0;
    }
}
