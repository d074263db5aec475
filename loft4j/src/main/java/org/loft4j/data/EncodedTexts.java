package org.loft4j.data;

import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * The tokens of texts, or of pairs of texts, of which each has one label.
 *
 * @param ids of each text
 * @param secondFrom where token type 1 begins in each; null where there are no pairs
 * @param lost how many tokens of each did not fit into the greatest length
 * @param rows the row of each
 */
record EncodedTexts(int[][] ids, int @Nullable [] secondFrom, int[] lost, int[] rows) {
    /** @throws DataException at a text without tokens */
    static EncodedTexts of(List<LabeledText> texts, Tokenizer tokenizer, int maxLength) throws DataException {
        return of(texts, new BitSet(), tokenizer, maxLength);
    }

    /**
     * The same where a chat template has written some of the texts: these have their special tokens, and are never cut.
     *
     * @param written which of them those are
     * @throws DataException at one that is longer than the greatest length, too
     */
    static EncodedTexts of(List<LabeledText> texts, BitSet written, Tokenizer tokenizer, int maxLength)
            throws DataException {
        boolean pairs = texts.stream().anyMatch(row -> row.textPair() != null);
        if (pairs) {
            tokenizer.requireRoomForPair(maxLength);
        }
        var ids = new int[texts.size()][];
        var secondFrom = new int[ids.length];
        var lost = new int[ids.length];
        List<Optional<EncodedText>> encoded = IntStream.range(0, ids.length)
                .parallel()
                .mapToObj(i -> Optional.ofNullable(
                        written.get(i)
                                ? written(texts.get(i).text(), tokenizer)
                                : encoded(texts.get(i), tokenizer, maxLength)))
                .toList();
        for (int i = 0; i < ids.length; i++) {
            boolean pair = texts.get(i).textPair() != null;
            Origin origin = texts.get(i).origin();
            EncodedText text = encoded.get(i)
                    .orElseThrow(() -> origin.fault(
                            "the tokenizer finds no tokens in " + (pair ? "one of the texts" : "the text")));
            if (text.ids().length > maxLength) {
                throw origin.fault(ChatFormat.tooLong(text.ids().length, maxLength) + " (--skip-faulty-rows)");
            }
            ids[i] = text.ids();
            secondFrom[i] = text.secondFrom();
            lost[i] = text.lost();
        }
        return new EncodedTexts(
                ids,
                pairs ? secondFrom : null,
                lost,
                IntStream.range(0, ids.length).toArray());
    }

    /** The same where several texts are of one row, which counts once among those that are cut. */
    EncodedTexts ofRows(int[] row) {
        return new EncodedTexts(ids, secondFrom, lost, row);
    }

    /** What did not fit into the greatest length. */
    Truncations truncations() {
        var ofRows = new LinkedHashMap<Integer, Integer>();
        for (int i = 0; i < lost.length; i++) {
            ofRows.merge(rows[i], lost[i], Integer::sum);
        }
        var cuts = new TruncationCount();
        ofRows.values().forEach(tokens -> cuts.add(tokens, false));
        return cuts.total();
    }

    private static @Nullable EncodedText written(String text, Tokenizer tokenizer) {
        int[] ids = Arrays.stream(tokenizer.encode(text, false))
                .mapToInt(Math::toIntExact)
                .toArray();
        return ids.length == 0 ? null : new EncodedText(ids, ids.length, 0);
    }

    /** Null where a text has no tokens. */
    private static @Nullable EncodedText encoded(LabeledText row, Tokenizer tokenizer, int maxLength) {
        if (row.textPair() != null) {
            return tokenizer.tokenize(row.text(), row.textPair(), maxLength);
        }
        TokenizedText text = tokenizer.tokenize(row.text());
        if (text.content().length == 0) {
            return null;
        }
        int[] kept = text.truncate(maxLength).ids();
        return new EncodedText(kept, kept.length, text.ids().length - kept.length);
    }
}
