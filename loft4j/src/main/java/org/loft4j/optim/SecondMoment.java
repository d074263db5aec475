package org.loft4j.optim;

import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.tensor.Tensors;

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

    /** Adds what is saved. */
    void addState(String prefix, Map<String, Tensor> all);

    /**
     * Carries the history over to the new basis: coordinates x become {@code C·x}, with {@code C: (r, r)} (blocks 3 and 4).
     *
     * @param t number of this step, from 1
     */
    void transport(Tensor c, long t);

    /** Before {@link #accumulate}: {@link FactorUpdate#rest}. */
    default void rest(Tensor scaledGrad, Tensor m, Resting factor, long t) {}

    /** Takes in the scaled gradient g̃ of step t, {@code (r, length)}. */
    void accumulate(Tensor scaledGrad, long t);

    /**
     * The step in factor coordinates, before the learning rate.
     *
     * @param m first moment {@code (r, length)}
     * @param k the other factor as {@code (r, columns)}
     * @param basis what k is to the factor
     * @param t number of this step, from 1
     * @return {@code (r, length)}
     */
    Tensor direction(Tensor m, Tensor k, Basis basis, long t);

    /** Share of the entries of {@code √(V/c₂)} below ε among those with a momentum, in one tile of W or in factor space. */
    double epsShare(Tensor m, Tensor basis, long t);

    /** The same of two tensors that hold M and V. */
    static double epsShare(LoftConfig config, Tensor m, Tensor v, long t) {
        return share(epsCounts(config, m, v, t));
    }

    /** Of two tensors that hold M and V, the numbers that the share is made of: those below ε, and all with a momentum. */
    static Tensor epsCounts(LoftConfig config, Tensor m, Tensor v, long t) {
        double c2 = 1 - Math.pow(config.beta2(), t);
        Tensor moved = m.ne(new Scalar(0.0));
        Tensor below = v.lt(new Scalar(config.eps() * config.eps() * c2)).logical_and(moved);
        return torch.stack(new TensorVector(below.sum(), moved.sum()));
    }

    /** Of numbers as {@link #epsCounts} has them. */
    static double share(Tensor epsCounts) {
        long[] counts = Tensors.toLongs(epsCounts);
        return counts[0] / (double) Math.max(1, counts[1]);
    }

    @Override
    void close();
}
