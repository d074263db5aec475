package org.loft4j.data;

import java.util.Arrays;

/**
 * The ids of one text and how many at either end are special tokens that the tokenizer put around it.
 *
 * @param ids all of them
 * @param leading special tokens before the text, such as [CLS] or a beginning
 * @param trailing special tokens after the text, such as [SEP]
 */
record TokenizedText(int[] ids, int leading, int trailing) {
    int[] head() {
        return Arrays.copyOf(ids, leading);
    }

    int[] content() {
        return Arrays.copyOfRange(ids, leading, ids.length - trailing);
    }

    int[] tail() {
        return Arrays.copyOfRange(ids, ids.length - trailing, ids.length);
    }

    /** Cuts the end of the text, never the special tokens; {@code length} must leave room for one token of text. */
    TokenizedText truncate(int length) {
        if (ids.length <= length) {
            return this;
        }
        int[] kept = Arrays.copyOf(ids, length);
        System.arraycopy(ids, ids.length - trailing, kept, length - trailing, trailing);
        return new TokenizedText(kept, leading, trailing);
    }
}
