package org.loft4j.cli;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.loft4j.train.Reward;

/**
 * Judges by whether a pattern is found in an answer: 1 where it is, else 0.
 *
 * @param timeout of an answer, in seconds
 * @param left whether the run is asked to stop
 */
record RegexReward(Pattern pattern, int timeout, BooleanSupplier left) implements Reward {
    @Override
    public double of(Answer answer) throws IOException {
        try {
            return pattern.matcher(new Watched(answer.completion())).find() ? 1 : 0;
        } catch (StackOverflowError e) {
            throw new IOException(
                    "the pattern " + pattern
                            + " goes deeper into it than a thread can: a choice that is repeated, as (a|b)*, goes one deeper"
                            + " each time, and [ab]* does not",
                    e);
        }
    }

    /** A text that is not read for longer than there is time: a pattern may try more ways than it would ever end with. */
    private final class Watched implements CharSequence {
        private static final int LOOK_EVERY = 1 << 12;

        private final String text;
        private final long start = System.nanoTime();
        private int reads;

        Watched(String text) {
            this.text = text;
        }

        @Override
        public char charAt(int index) {
            if (++reads % LOOK_EVERY == 0) {
                look();
            }
            return text.charAt(index);
        }

        private void look() {
            if (left.getAsBoolean()) {
                throw new IllegalStateException("the run is asked to stop");
            }
            if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(timeout)) {
                throw new IllegalStateException(
                        "the pattern " + pattern + " was neither found in it nor ruled out within "
                                + timeout
                                + " s: repetitions of the same, as a*a*, try many ways; --reward-timeout gives it"
                                + " longer");
            }
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int from, int to) {
            return text.subSequence(from, to);
        }

        @Override
        public String toString() {
            return text;
        }
    }
}
