package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;

/** One of the two factors of a pair, seen as a wide matrix {@code F: (r, length)}: A itself, or B transposed. */
enum Factor {
    A,
    B;

    Factor other() {
        return this == A ? B : A;
    }

    /** The factor as a view {@code (r, length)} of its tensor; writing to it writes the factor. */
    Tensor wide(LowRankPair pair) {
        return this == A ? pair.loraA().detach() : pair.loraB().detach().t();
    }

    /** The gradient of the factor in the same layout. */
    Tensor wideGrad(LowRankPair pair) {
        Tensor grad = this == B ? pair.loraB().grad() : pair.loraA().grad();
        if (!grad.defined()) {
            throw new IllegalStateException(
                    pair.name() + ".lora_" + this + " has no gradient: run backward before the optimizer's step");
        }
        return this == A ? grad : grad.t();
    }

    /** Drops the gradient: who holds it may write over it. */
    void dropGrad(LowRankPair pair) {
        Gradients.drop(this == B ? pair.loraB() : pair.loraA());
    }

    /** The factor whose turn it is: B on steps 1, 3, 5 …, A on steps 2, 4, 6 … (block 1). */
    static Factor activeAt(long step) {
        return step % 2 == 1 ? B : A;
    }
}
