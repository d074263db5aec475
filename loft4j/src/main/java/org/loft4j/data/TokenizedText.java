package org.loft4j.data;

import java.util.Arrays;
import java.util.OptionalLong;

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

    /** The same without the token before the text, where that is the beginning and the text begins with it itself. */
    TokenizedText beginningOnce(OptionalLong beginning) {
        boolean doubled = beginning.isPresent()
                && leading > 0
                && ids.length - trailing > leading
                && ids[leading - 1] == beginning.getAsLong()
                && ids[leading] == beginning.getAsLong();
        return doubled ? new TokenizedText(without(leading - 1), leading - 1, trailing) : this;
    }

    private int[] without(int place) {
        int[] rest = new int[ids.length - 1];
        System.arraycopy(ids, 0, rest, 0, place);
        System.arraycopy(ids, place + 1, rest, place, rest.length - place);
        return rest;
    }

    /** The same with the end behind it, unless it ends so or there is none. */
    TokenizedText ended(OptionalLong end) {
        if (end.isEmpty() || ids.length > 0 && ids[ids.length - 1] == end.getAsLong()) {
            return this;
        }
        int[] ended = Arrays.copyOf(ids, ids.length + 1);
        ended[ids.length] = Math.toIntExact(end.getAsLong());
        return new TokenizedText(ended, leading, trailing + 1);
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
