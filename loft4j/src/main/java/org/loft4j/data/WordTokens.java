package org.loft4j.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The tokens of a text that is cut into words. The words are joined by blanks and tokenized as one text, so that a model sees
 * them as it saw text in pretraining; a token belongs to the word in which its first character lies.
 *
 * @param ids with special tokens
 * @param firsts for each word its first token, as an index into the ids; −1 where it was cut off or has none
 */
public record WordTokens(int[] ids, int[] firsts) {
    public WordTokens {
        ids = ids.clone();
        firsts = firsts.clone();
    }

    /** What exceeds {@code maxLength} tokens is cut from the end of the text; the special tokens on both sides stay. */
    public static WordTokens of(List<String> words, Tokenizer tokenizer, int maxLength) {
        tokenizer.requireRoom(maxLength);
        // the tokenizer counts code points
        List<int[]> spans = new ArrayList<>();
        int end = -1;
        for (String word : words) {
            int start = end + 1;
            end = start + word.codePointCount(0, word.length());
            spans.add(new int[] {start, end});
        }
        NativeTokenizer.Spans tokens = tokenizer.spans(String.join(" ", words));
        TokenizedText kept = tokens.text().truncate(maxLength);
        int[] firsts = new int[words.size()];
        Arrays.fill(firsts, -1);
        int leading = tokens.text().head().length;
        int content = kept.content().length;
        int word = 0;
        for (int i = leading; i < leading + content; i++) {
            int start = tokens.starts()[i];
            while (word < firsts.length - 1 && start >= spans.get(word)[1]) {
                word++;
            }
            boolean inside = tokens.ends()[i] > spans.get(word)[0] && start < spans.get(word)[1];
            if (inside && firsts[word] < 0) {
                firsts[word] = i;
            }
        }
        return new WordTokens(kept.ids(), firsts);
    }

    @Override
    public int[] ids() {
        return ids.clone();
    }

    @Override
    public int[] firsts() {
        return firsts.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof WordTokens that && Arrays.equals(ids, that.ids) && Arrays.equals(firsts, that.firsts);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(ids) + Arrays.hashCode(firsts);
    }

    @Override
    public String toString() {
        return Arrays.toString(ids) + " " + Arrays.toString(firsts);
    }
}
