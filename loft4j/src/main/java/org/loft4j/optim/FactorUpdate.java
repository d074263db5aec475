package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/**
 * The optimizer that would have moved W, carried out in the coordinates of one factor in its basis K: a history, and the step
 * that is made of it. The factor is wide, {@code (r, length)}, K is {@code (r, columns)}.
 */
interface FactorUpdate extends AutoCloseable {
    /** Makes the one for a factor of a pair. */
    interface Maker {
        FactorUpdate of(LowRankPair pair, Factor factor);
    }

    /**
     * Carries the history over to the new basis: coordinates x become {@code C·x}, with {@code C: (r, r)} (blocks 3 and 4).
     *
     * @param c float64, on the processor
     * @param t number of this step, from 1
     */
    void transport(Tensor c, long t);

    /**
     * In a step in which the factor rests after it has moved, with what {@link #accumulate} will take in.
     *
     * @param scaledGrad g̃ of this step, {@code (r, length)}
     */
    default void rest(Tensor scaledGrad, Resting factor, long t) {}

    /**
     * Takes in the scaled gradient g̃ of this step, {@code (r, length)}.
     *
     * @param t number of this step, from 1
     * @return the momentum that a step of this factor is made of, {@code (r, length)}
     */
    Tensor accumulate(Tensor scaledGrad, long t);

    /**
     * The step in factor coordinates, before the learning rate: the least-squares coordinates in K of the step of W.
     *
     * @param momentum what {@link #accumulate} has just returned
     * @param k the other factor
     * @param basis the Gram matrix of k and its inverses
     * @param t number of this step, from 1
     * @return {@code (r, length)}
     */
    Tensor direction(Tensor momentum, Tensor k, Basis basis, long t);

    /** Share of the entries of {@code √(V/c₂)} below ε among those with a momentum, in one tile; 0 if there is no V. */
    default double epsShare(Tensor k, long t) {
        return 0;
    }

    /** Adds what is saved. */
    void addState(String prefix, Map<String, Tensor> all);

    @Override
    void close();
}
