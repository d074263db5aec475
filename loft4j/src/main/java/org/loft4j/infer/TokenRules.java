package org.loft4j.infer;

import java.util.Arrays;
import java.util.OptionalLong;
import java.util.Set;
import org.loft4j.nn.WritingRules;

/**
 * Which tokens may come next, whatever the model says.
 *
 * @param files of the model, and what they say
 * @param noRepeatNgramSize so many tokens in a row come once at most; 0 for no such rule
 * @param minNewTokens before so many there is no end
 * @param ends ids that end a text
 */
record TokenRules(WritingRules files, int noRepeatNgramSize, int minNewTokens, Set<Long> ends) {
    /** As it was asked for. */
    static TokenRules of(WritingRules files, SamplingConfig sampling, Set<Long> ends) {
        return new TokenRules(files, sampling.noRepeatNgramSize(), sampling.minNewTokens(), Set.copyOf(ends));
    }

    /**
     * The token that comes in any case.
     *
     * @param place its number among those that are written, from 0
     * @param most how many may be written
     */
    OptionalLong forced(int place, int most) {
        return files.forced(place, most);
    }

    /** Whether the token in a place is one that is forced as the text may be no longer. */
    boolean cuts(int place, int most) {
        return place == most - 1 && files.last().isPresent();
    }

    /**
     * Takes from the logits what is not to come next.
     *
     * @param ids of which the first are the text, from the prompt on
     * @param length how many
     * @param place as in {@link #forced}
     */
    void hide(float[] logits, long[] ids, int length, int place) {
        files.hide(logits, place);
        hideRepeated(logits, ids, length);
        if (place < minNewTokens) {
            for (long id : ends) {
                hide(logits, id);
            }
        }
    }

    private void hideRepeated(float[] logits, long[] ids, int length) {
        int before = noRepeatNgramSize - 1;
        if (before < 0) {
            return;
        }
        for (int i = 0; i + before < length; i++) {
            if (Arrays.equals(ids, i, i + before, ids, length - before, length)) {
                hide(logits, ids[i + before]);
            }
        }
    }

    private static void hide(float[] logits, long id) {
        if (id >= 0 && id < logits.length) {
            logits[(int) id] = Float.NEGATIVE_INFINITY;
        }
    }
}
