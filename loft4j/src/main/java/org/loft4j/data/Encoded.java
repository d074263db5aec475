package org.loft4j.data;

/**
 * One example as the model sees it.
 *
 * @param ids token ids
 * @param labels for a language model or a classifier of words one per token, {@link #NO_LOSS} where no loss is taken; for a classifier the one index of the class
 */
public record Encoded(long[] ids, long[] labels) {
    /** The label of a token that the loss leaves out, as everywhere in the field. */
    public static final long NO_LOSS = -100;
}
