package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;

/**
 * A factor that rests in a step after it has moved.
 *
 * @param own what it is to the other factor
 * @param basis what the other factor is to it
 */
record Resting(Basis own, Basis basis) {
    /** Of coordinates {@code (r, length)}, what the other factor cannot reach. */
    Tensor own(Tensor x) {
        return own.beyondReach(x);
    }

    /** The metric of the coordinates, {@code S = K·Kᵀ}, in the type of x. */
    Tensor gram(Tensor x) {
        return basis.gram().to(x.scalar_type());
    }
}
