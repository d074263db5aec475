package org.loft4j.model.shared;

import java.util.List;
import java.util.function.IntPredicate;
import org.loft4j.CheckpointException;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.Activation;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Weights;

/** The names and shapes of the mixtures of experts in a decoder. */
public interface MixtureLayout {
    /** The blocks, by number, that have a mixture. */
    IntPredicate at();

    /**
     * The parameters of a block's mixture, the router's among them.
     *
     * @param number of the block
     * @param block what the names of its parameters begin with, such as {@code model.layers.0.}
     */
    List<ParameterSpec> parameters(int number, String block, long hidden);

    /** The mixture of a block over its weights. */
    FeedForward feedForward(String block, Weights weights, Activation activation);

    /**
     * A checkpoint with its experts as they lie here.
     *
     * @throws CheckpointException that names the tensor and the remedy, if they lie in a way that cannot be read
     */
    default TensorSource arranged(TensorSource source) throws CheckpointException {
        return source;
    }

    /** Whether a checkpoint may hold this without being missed: what {@link #arranged} reads under another name. */
    default boolean isUnused(String name) {
        return false;
    }
}
