package org.loft4j.train;

import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.data.Examples;

/**
 * What a run learns from and is judged by.
 *
 * @param train rows to learn from
 * @param eval held-out rows; null for none
 * @param padId token id that fills up short rows
 * @param maxLength length in tokens to which rows were cut, for the record; of no meaning for images
 */
public record TrainData(Examples train, @Nullable Examples eval, long padId, int maxLength) {
    public TrainData {
        Checks.atLeast("pad_token_id", padId, 0);
        Checks.atLeast("max_length", maxLength, 1);
        if (train.size() == 0) {
            throw new ConfigException("the training data has no row");
        }
        if (eval != null && eval.size() == 0) {
            throw new ConfigException("the evaluation data has no row; leave it out to train without evaluation");
        }
    }
}
