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
        if (!isDrawn(x)) {
            return torch.dropout(x, share, true);
        }
        // autograd keeps the bytes alone
        return x.mul(drawn(x, share)).mul_(new Scalar(kept(share)));
    }

    /** Whether what is dropped of x is drawn here, from the thread's {@link RandomStream}, and not by libtorch. */
    public static boolean isDrawn(Tensor x) {
        return !x.is_cuda() && RandomStream.current() != null;
    }

    /** Of each number of x 1 if it stays and 0 if it is dropped, in bytes of the shape of x; see {@link #isDrawn}. */
    public static Tensor drawn(Tensor x, double share) {
        Tensor stays = memory(x.numel());
        draw(share, stays);
        return stays.view(x.sizes());
    }

    /** For {@link #draw}: a byte for each of so many values. */
    static Tensor memory(long values) {
        return torch.empty(new long[] {values}, new TensorOptions(torch.ScalarType.Byte), null);
    }

    /**
     * Says of each value whether it stays, drawn from the thread's {@link RandomStream}, which there is. A value takes sixteen
     * bits of a random number: the share is a multiple of 2⁻¹⁶. Bytes of 0 and 1 rather than truth values, since multiplying by them
     * takes a fraction of the time of filling where they are true.
     */
    static void draw(double share, Tensor stays) {
        Generator own = Objects.requireNonNull(RandomStream.current(), "a stream");
        try (NativeScope scope = new NativeScope()) {
            long values = stays.numel();
            Tensor bits = torch.empty(new long[] {(values + 3) / 4}, new TensorOptions(torch.ScalarType.Long), null)
                    .random_(Long.MIN_VALUE, new LongOptional(), new GeneratorOptional(own));
            Tensor each = bits.view(torch.ScalarType.Short).narrow(0, 0, values);
            // a whole number: beside a fraction each would become one
            torch.ge_out(stays, each, new Scalar(Short.MIN_VALUE + parts(share)));
        }
    }

    /** By what the values that are kept are multiplied. */
    public static double kept(double share) {
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
