package org.loft4j.train;

import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Says how good an answer is that a model has given: {@link Rewards} gives it a name and a weight. */
@FunctionalInterface
public interface Reward {
    /**
     * What a model has answered.
     *
     * @param prompt what it was asked, of a conversation the last turn
     * @param completion its answer, without what ends it
     * @param columns of the row, as they were read: null, Boolean, Long, BigInteger, Double, String, List and Map
     */
    record Answer(String prompt, String completion, Map<String, @Nullable Object> columns) {
        public Answer {
            columns = Collections.unmodifiableMap(new LinkedHashMap<>(columns));
        }
    }

    /**
     * Judges. Called on the training thread, answer by answer. The same answer must always get the same number, or a run that goes on
     * will not end where it would have.
     *
     * @return a number, the greater the better, from −1e100 to 1e100
     * @throws IOException if it cannot; this ends the run, which goes on from the step before. Who was interrupted meanwhile throws with
     *     the thread interrupted again, or with the InterruptedException as the cause: that stops the run, and is no fault
     */
    double of(Answer answer) throws IOException;
}
