package org.loft4j.data;

import java.util.Arrays;
import java.util.List;
import org.loft4j.DataException;

/**
 * The tokens of words of which each has a label.
 *
 * @param ids of each row
 * @param tags the class of each token, {@link Encoded#NO_LOSS} for those that are not the first of a word
 * @param truncations what did not fit into the greatest length
 */
record EncodedWords(int[][] ids, int[][] tags, Truncations truncations) {
    /** @throws DataException if a row has no tags, or an unknown one */
    static EncodedWords of(List<? extends Row> rows, Labels labels, Tokenizer tokenizer, int maxLength)
            throws DataException {
        var ids = new int[rows.size()][];
        var tags = new int[rows.size()][];
        var cuts = new TruncationCount();
        for (int i = 0; i < ids.length; i++) {
            if (!(rows.get(i) instanceof TaggedWords row)) {
                throw rows.get(i).origin().fault("has no tags: a classifier of words needs \"tokens\" and \"tags\"");
            }
            WordTokens tokens = WordTokens.of(row.words(), tokenizer, maxLength);
            ids[i] = tokens.ids();
            tags[i] = new int[ids[i].length];
            Arrays.fill(tags[i], (int) Encoded.NO_LOSS);
            if (row.tags().isEmpty()) {
                throw row.origin().fault("has words and no tags to learn");
            }
            int[] firsts = tokens.firsts();
            for (int word = 0; word < firsts.length; word++) {
                int index = labels.index(row.tags().get(word), row.origin());
                if (firsts[word] >= 0) {
                    tags[i][firsts[word]] = index;
                }
            }
            cuts.add(words(firsts) < firsts.length ? lost(row, tokens, tokenizer) : 0, false);
        }
        return new EncodedWords(ids, tags, cuts.total());
    }

    private static int words(int[] firsts) {
        return (int) Arrays.stream(firsts).filter(first -> first >= 0).count();
    }

    /** How many words were cut off: some, such as one of invisible characters, have no token in the whole text either. */
    private static int lost(TaggedWords row, WordTokens kept, Tokenizer tokenizer) {
        int[] all = WordTokens.of(row.words(), tokenizer, Integer.MAX_VALUE).firsts();
        return words(all) - words(kept.firsts());
    }
}
