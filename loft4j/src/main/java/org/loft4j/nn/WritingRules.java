package org.loft4j.nn;

import java.util.OptionalLong;
import java.util.Set;

/**
 * What an encoder-decoder's files say of the tokens that it writes, beside how they are chosen.
 *
 * @param first the token that is written first in any case
 * @param last the one that ends a text as long as it may be
 * @param never those that are not written
 * @param neverFirst those that are not written first, or behind {@code first} where there is one
 */
public record WritingRules(OptionalLong first, OptionalLong last, Set<Long> never, Set<Long> neverFirst) {
    /** No rules. */
    public static final WritingRules NONE =
            new WritingRules(OptionalLong.empty(), OptionalLong.empty(), Set.of(), Set.of());

    public WritingRules {
        never = Set.copyOf(never);
        neverFirst = Set.copyOf(neverFirst);
    }

    /** The same with another first token: the code of a language. */
    public WritingRules withFirst(long id) {
        return new WritingRules(OptionalLong.of(id), last, never, neverFirst);
    }

    /**
     * The token that comes in any case.
     *
     * @param place its number among those that are written, from 0
     * @param most how many may be written
     */
    public OptionalLong forced(int place, int most) {
        // as in Transformers, the last rule counts where there is one token alone
        return place == most - 1 && last.isPresent() ? last : place == 0 ? first : OptionalLong.empty();
    }

    /** Takes from the logits what is not to be written there. */
    public void hide(float[] logits, int place) {
        never.forEach(id -> logits[Math.toIntExact(id)] = Float.NEGATIVE_INFINITY);
        if (place == (first.isPresent() ? 1 : 0)) {
            neverFirst.forEach(id -> logits[Math.toIntExact(id)] = Float.NEGATIVE_INFINITY);
        }
    }
}
