package org.loft4j.nn;

/**
 * A {@link TokenMixer} that remembers a text in numbers which do not grow with it, and hears of no token but by them; padding on the
 * left is made to leave nothing there.
 */
public sealed interface RecurrentMixer extends TokenMixer permits GatedConvolution, GatedDeltaNet, StateSpace {
    /** The last layer, which leads back to the hidden states. */
    Linear output();

    /**
     * Numbers a token that are kept for the backward pass between the first linear layers and the end of the last, in the type of the
     * model.
     *
     * @param back whether the last layer keeps its input
     */
    long keptNumbers(boolean back);

    /**
     * Numbers in float32 that are made between the linear layers for each token, all of which a backward pass has at a time.
     *
     * @param columns tokens of a text: of short ones each has a memory for few tokens
     */
    long insideNumbers(long columns);

    /** Numbers in float32 that a cache keeps of each text, however long it is, beside some inputs of a convolution. */
    long remembered();

    @Override
    default boolean isBounded() {
        return false;
    }
}
