package org.loft4j.data;

/**
 * A text in tokens, with the place of each.
 *
 * @param ids token ids
 * @param starts where a token begins, in characters of the text
 * @param ends where it ends; tokens that share one character have one place
 */
record ChatTokens(int[] ids, int[] starts, int[] ends) {
    /** The first token that reaches beyond a place of the text. */
    int from(int place) {
        int token = 0;
        while (token < ids.length && ends[token] <= place) {
            token++;
        }
        return token;
    }

    /** The token behind the last one that begins before a place of the text. */
    int to(int place) {
        int token = ids.length;
        while (token > 0 && starts[token - 1] >= place) {
            token--;
        }
        return token;
    }
}
