package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Dropout; Srivastava et al. 2014 (JMLR 15), section 4, with the kept values scaled by {@code 1/(1 − share)}. */
public final class Dropout {
    private Dropout() {}

    /** Drops a share of the values while training; the tensor itself otherwise. */
    public static Tensor apply(Tensor x, double share, boolean training) {
        return training && share > 0 ? torch.dropout(x, share, true) : x;
    }
}
