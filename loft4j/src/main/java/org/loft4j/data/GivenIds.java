package org.loft4j.data;

import java.util.Arrays;
import java.util.List;
import org.loft4j.Checks;
import org.loft4j.ConfigException;

/** Token ids, and classes, that were made elsewhere: what no model has is refused before any has been trained on. */
final class GivenIds {
    private GivenIds() {}

    /** Copies of the examples. */
    static int[][] copies(List<int[]> ids) {
        for (int i = 0; i < ids.size(); i++) {
            Checks.atLeast("number of tokens of example " + i, ids.get(i).length, 1);
            Checks.atLeast(
                    "token id of example " + i, Arrays.stream(ids.get(i)).min().orElseThrow(), 0);
        }
        return ids.stream().map(int[]::clone).toArray(int[][]::new);
    }

    /** A copy of the index of each example's class, or {@link Encoded#NO_LOSS}. */
    static int[] classes(int[] classes, int examples) {
        if (classes.length != examples) {
            throw new ConfigException(examples + " examples need as many classes, got " + classes.length);
        }
        for (int i = 0; i < classes.length; i++) {
            if (classes[i] < 0 && classes[i] != Encoded.NO_LOSS) {
                throw new ConfigException("the class of example " + i + " must be at least 0, or " + Encoded.NO_LOSS
                        + " for none, got " + classes[i]);
            }
        }
        return classes.clone();
    }
}
