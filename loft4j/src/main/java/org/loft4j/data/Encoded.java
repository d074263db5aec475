package org.loft4j.data;

import org.jspecify.annotations.Nullable;

/**
 * One example as the model sees it.
 *
 * @param ids token ids
 * @param labels for a language model or a classifier of words one per token, {@link #NO_LOSS} where no loss is taken; for a classifier the one index of the class;
 *     none of a regression, and where a text may have several labels
 * @param tokenTypeIds of a pair of texts 0 for the tokens of the first and 1 for those of the second, as the tokenizer has it; null
 *     where all are 0
 */
public record Encoded(long[] ids, long[] labels, long @Nullable [] tokenTypeIds) {
    /** An example whose tokens are all of type 0. */
    public Encoded(long[] ids, long[] labels) {
        this(ids, labels, null);
    }

    /** The label of a token that the loss leaves out, as everywhere in the field. */
    public static final long NO_LOSS = -100;
}
