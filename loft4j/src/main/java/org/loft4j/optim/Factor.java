package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;

/** One of the two factors of a pair, seen as a tall matrix {@code F: (rows, r)}: B itself, or A transposed. */
enum Factor {
    A,
    B;

    Factor other() {
        return this == A ? B : A;
    }

    /** The factor as a view {@code (rows, r)} of its tensor; writing to it writes the factor. */
    Tensor tall(LowRankPair pair) {
        return this == B ? pair.loraB().detach() : pair.loraA().detach().t();
    }

    /** The gradient of the factor in the same layout. */
    Tensor tallGrad(LowRankPair pair) {
        Tensor grad = this == B ? pair.loraB().grad() : pair.loraA().grad();
        if (!grad.defined()) {
            throw new IllegalStateException(
                    pair.name() + ".lora_" + this + " has no gradient: run backward before the optimizer's step");
        }
        return this == B ? grad : grad.t();
    }

    /** The factor whose turn it is: B on steps 1, 3, 5 …, A on steps 2, 4, 6 … (block 1). */
    static Factor activeAt(long step) {
        return step % 2 == 1 ? B : A;
    }
}
