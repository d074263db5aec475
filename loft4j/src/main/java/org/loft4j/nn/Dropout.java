package org.loft4j.nn;

import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.RandomStream;

/** Dropout; Srivastava et al. 2014 (JMLR 15), section 4, with the kept values scaled by {@code 1/(1 − share)}. */
public final class Dropout {
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
        Tensor kept = torch.empty_like(x).bernoulli_(1 - share, new GeneratorOptional(own));
        return x.mul(kept.div_(new Scalar(1 - share)));
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
