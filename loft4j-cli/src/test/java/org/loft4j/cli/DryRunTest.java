package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

class DryRunTest {
    private static TrainConfig config(Method method, int accumulation) {
        return TrainConfig.builder(method)
                .gradientAccumulationSteps(accumulation)
                .build();
    }

    @Test
    void anOptimizerOfATenthIsNotSpokenOf() {
        assertEquals("", DryRun.wayBack(2.0, 0.2, config(Method.LOFT, 1), false));
    }

    /** 0.5 of 2.0 is a quarter: two and a half times as many rows, and in whole micro-batches three. */
    @Test
    void moreRowsAStepBringItBack() {
        assertEquals(
                ", of which the optimizer takes 20 %; --accumulate 3, or a --batch-size so much larger, brings that to a tenth"
                        + " of the rest, a lower --rank or --method loft-simple makes it less",
                DryRun.wayBack(2.0, 0.5, config(Method.LOFT, 1), false));
        assertEquals(
                ", of which the optimizer takes 20 %; --accumulate 10, or a --batch-size so much larger, brings that to a"
                        + " tenth of the rest",
                DryRun.wayBack(2.0, 0.5, config(Method.FULL, 4), false));
    }

    /** The rank of an adapter that is gone on from is what it is. */
    @Test
    void anAdapterThatIsThereHasItsRank() {
        String way = DryRun.wayBack(2.0, 0.5, config(Method.LOFT, 1), true);
        assertTrue(way.endsWith(" of the rest, --method loft-simple makes it less"), way);
    }
}
