package org.loft4j.cli.compare;

import java.io.IOException;

/** The data of each run: the same for all, or a fold that is held out and the others, which are learnt. */
public interface TrialData {
    /**
     * The data of a run.
     *
     * @param seed of the run, by which folds are parted
     * @param fold from 1; 0 where there are none
     */
    ComparisonData of(long seed, int fold) throws IOException;

    /** How many folds there are; 0 for none. */
    int folds();

    /** The same for all runs. */
    static TrialData all(ComparisonData data) {
        return new TrialData() {
            @Override
            public ComparisonData of(long seed, int fold) {
                return data;
            }

            @Override
            public int folds() {
                return 0;
            }
        };
    }
}
