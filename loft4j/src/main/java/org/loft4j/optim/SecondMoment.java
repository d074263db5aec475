package org.loft4j.optim;

import org.bytedeco.pytorch.Tensor;

/** The second moment of one factor, and the step that it makes of the first. The factor is wide: {@code (r, length)}. */
interface SecondMoment extends AutoCloseable {
    /** The one that the blocks of a configuration ask for. */
    static SecondMoment of(LoftConfig config, Tensor like) {
        if (config.has(LoftBlock.PROJECTED_UPDATE)) {
            return new CrossTermMoment(config, like);
        }
        return config.has(LoftBlock.SECOND_MOMENT)
                ? new CrossTermDiagonal(config, like)
                : new FactorMoment(config, like);
    }

    /** What is saved. */
    Tensor state();

    /** Carries the history over to the new basis: coordinates x become {@code C·x}, with {@code C: (r, r)} (blocks 3 and 4). */
    void transport(Tensor c);

    /** Takes in the scaled gradient g̃ of this step, {@code (r, length)}. */
    void accumulate(Tensor scaledGrad);

    /**
     * The step in factor coordinates, before the learning rate.
     *
     * @param m first moment {@code (r, length)}
     * @param basis the other factor as {@code (r, columns)}
     * @param basisInverse inverse of the basis' Gram matrix, {@code (r, r)}, in the dtype of the factor
     * @param t number of this step, from 1
     * @return {@code (r, length)}
     */
    Tensor direction(Tensor m, Tensor basis, Tensor basisInverse, long t);

    @Override
    void close();
}
