package org.loft4j.data;

import java.util.Arrays;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a tokenizer puts around a pair of texts and between them: {@code [CLS] text [SEP] pair [SEP]} of BERT,
 * {@code <s> text </s></s> pair </s>} of RoBERTa, nothing of GPT-2.
 *
 * @param head special tokens before the first text
 * @param middle those between the texts
 * @param tail those behind the second text
 * @param secondFrom how many tokens of the middle are of the first token type, 0; what follows them is of type 1. −1 where all
 *     tokens are of type 0
 */
record PairTemplate(int[] head, int[] middle, int[] tail, int secondFrom) {
    /**
     * Taken apart of what a tokenizer makes of two short texts.
     *
     * @param first tokens of the first text alone
     * @param second tokens of the second
     * @param both all tokens of the pair
     * @param types their token types
     * @return null where the texts are not found in it, or types are others than zeros and behind them ones
     */
    static @Nullable PairTemplate of(int[] first, int[] second, TokenizedText both, int[] types) {
        int[] ids = both.ids();
        int from = both.leading() + first.length;
        int to = ids.length - both.trailing() - second.length;
        int ones = 0;
        while (ones < types.length && types[types.length - 1 - ones] == 1) {
            ones++;
        }
        int typed = types.length - ones;
        boolean known = from <= to
                && Arrays.equals(first, Arrays.copyOfRange(ids, both.leading(), from))
                && Arrays.equals(second, Arrays.copyOfRange(ids, to, to + second.length))
                && Arrays.stream(types, 0, typed).allMatch(type -> type == 0)
                && (ones == 0 || (typed >= from && typed <= to));
        return known
                ? new PairTemplate(
                        both.head(), Arrays.copyOfRange(ids, from, to), both.tail(), ones == 0 ? -1 : typed - from)
                : null;
    }

    int specials() {
        return head.length + middle.length + tail.length;
    }

    /**
     * Both texts with what is around them, in at most so many tokens: the longer text is cut from its end until both are as
     * long, then both, of which the longer one keeps one token more where it does not come out even, as {@code longest_first} of
     * Hugging Face's tokenizers has it.
     *
     * @param first tokens of the first text alone
     * @param second tokens of the second
     * @param maxLength must leave room for a token of each
     */
    EncodedText encode(int[] first, int[] second, int maxLength) {
        int room = maxLength - specials();
        int shorter = Math.min(first.length, second.length);
        int longer = Math.max(first.length, second.length);
        if ((long) shorter + longer > room) {
            shorter = Math.min(shorter, room / 2);
            longer = room - shorter;
        }
        boolean swapped = first.length > second.length;
        int[] a = Arrays.copyOf(first, swapped ? longer : shorter);
        int[] b = Arrays.copyOf(second, swapped ? shorter : longer);
        int[] ids =
                Stream.of(head, a, middle, b, tail).flatMapToInt(Arrays::stream).toArray();
        int typed = secondFrom < 0 ? ids.length : head.length + a.length + secondFrom;
        return new EncodedText(ids, typed, first.length + second.length - a.length - b.length);
    }
}
