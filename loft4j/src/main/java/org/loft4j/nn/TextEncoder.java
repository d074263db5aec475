package org.loft4j.nn;

import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Tensor;

/** Turns the tokens of a text into states that know of each other, in both directions. */
public interface TextEncoder {
    /** Refuses a batch that has no embedding, or is too long. */
    void check(TokenInput input);

    /**
     * The last states {@code (batch, seq, hidden)} of a batch that has been checked.
     *
     * @param training whether dropout is on
     * @param checkpointing whether each layer but the last is an {@link ActivationCheckpoint}
     */
    Tensor encode(TokenInput input, Padding padding, boolean training, boolean checkpointing);

    /**
     * The linear layers of each of its layers, both in order of use: those that a text goes through more than once are there as often.
     */
    List<List<Linear>> layers();

    /** Shows every linear layer once, in the order of use. */
    void forEachLinear(Consumer<Linear> action);

    /** What its layers drop while training, which is the same in all of them. */
    EncoderDecoderBlock.Shares dropout();

    /** Frees what is not among the model's weights. */
    default void close() {}
}
