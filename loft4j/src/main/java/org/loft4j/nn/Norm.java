package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;

/** A normalisation over the last dimension. */
public interface Norm {
    /** Normalises {@code (…, dim)}. */
    Tensor forward(Tensor x);
}
