package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.SplittableRandom;
import java.util.function.LongToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LossWatchTest {
    /** The first verdict on a course of losses, steps counted from 1. */
    private static @Nullable Divergence verdict(LossWatch watch, long from, long to, LongToDoubleFunction loss) {
        for (long step = from; step <= to; step++) {
            watch.add(step, loss.applyAsDouble(step));
            Divergence found = watch.verdict(step);
            if (found != null) {
                assertEquals(step, found.since() + 49);
                return found;
            }
        }
        return null;
    }

    private static double falling(long step) {
        return 0.5 + 2 * Math.exp(-step / 60.0);
    }

    @Test
    void aLossThatRunsAwayIsSeenWithTheStepSinceWhen() {
        LossWatch watch = new LossWatch(2);
        Divergence found = verdict(watch, 1, 1000, step -> step <= 300 ? falling(step) : 9);
        assertNotNull(found);
        // smoothed over 20 steps, it passes the level of the start, about 2.2, in the sixth of the bad ones
        assertTrue(found.since() >= 301 && found.since() <= 308, found.toString());
        assertEquals(300, watch.wellUntil());
        assertTrue(found.bestStep() == 300 && found.best() > 0.5 && found.best() < 0.8, found.toString());
        assertTrue(found.what().startsWith("the loss has been running away since step " + found.since()), found.what());
    }

    /** The mean passes the bound some 40 steps after the loss has begun to rise: what was saved among them is no way back. */
    @Test
    void aRiseThatTakesItsTimeIsGoneBackFromToBeforeItBegan() {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("LossWatchTest: -Dtests.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        LossWatch watch = new LossWatch(2);
        LongToDoubleFunction course = step -> 1 + 0.1 * random.nextGaussian() + (step <= 300 ? 0 : 0.04 * (step - 300));
        Divergence found = verdict(watch, 1, 1000, course);
        assertNotNull(found);
        assertTrue(found.since() > 330, found.toString());
        assertTrue(watch.wellUntil() >= 200 && watch.wellUntil() <= 310, "well until " + watch.wellUntil());
    }

    @Test
    void aLossThatGrowsWithoutBoundIsSeenToo() {
        assertNotNull(verdict(new LossWatch(2), 1, 1000, step -> step <= 100 ? 3 : Math.exp(0.2 * (step - 100))));
    }

    @Test
    void noiseIsNoDivergence() {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("LossWatchTest: -Dtests.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        // single rows: most are known by heart, one in eight is as bad as a guess can be
        assertNull(verdict(
                new LossWatch(2),
                1,
                20000,
                step -> step < 100 ? 0.7 : random.nextInt(8) == 0 ? 4 * random.nextDouble() : 0.01));
        // a language model whose texts are of very different difficulty
        assertNull(verdict(new LossWatch(2), 1, 20000, step -> 2.5 + 1.5 * random.nextGaussian()));
    }

    @Test
    void oneWildBatchIsNoDivergence() {
        assertNull(verdict(new LossWatch(2), 1, 1000, step -> step == 300 ? 1e6 : falling(step)));
    }

    @Test
    void aRunThatLearnsNothingAndOneThatOverfitsALittleGoOn() {
        assertNull(verdict(new LossWatch(2), 1, 1000, step -> 0.69));
        assertNull(verdict(new LossWatch(2), 1, 1000, step -> step < 500 ? falling(step) : 0.9));
    }

    @Test
    void aRiseThatEndsInTimeIsForgotten() {
        LossWatch watch = new LossWatch(2);
        assertNull(verdict(watch, 1, 320, step -> step <= 300 ? falling(step) : 9));
        assertEquals(300, watch.wellUntil());
        assertNull(verdict(watch, 321, 1000, step -> 0.5));
        assertEquals(1000, watch.wellUntil());
    }

    @Test
    void itCanBeSwitchedOff() {
        LossWatch off = new LossWatch(0);
        assertNull(verdict(off, 1, 1000, step -> step));
        assertEquals(Long.MAX_VALUE, off.wellUntil());
    }

    @Test
    void aResumedOneSeesTheSame() {
        LongToDoubleFunction course = step -> step <= 300 ? falling(step) : 9;
        LossWatch whole = new LossWatch(2);
        LossWatch first = new LossWatch(2);
        assertNull(verdict(whole, 1, 330, course));
        assertNull(verdict(first, 1, 330, course));
        LossWatch second = new LossWatch(2);
        second.restore(new ObjectMapper().valueToTree(first.tree()));
        assertEquals(whole.wellUntil(), second.wellUntil());
        assertEquals(verdict(whole, 331, 1000, course), verdict(second, 331, 1000, course));
    }

    /** A rate that is far too high ruins the weights in the first step: all that comes after is level. */
    @Test
    void aLossThatRoseAtOnceIsToldAtTheEnd() {
        LossWatch ruined = new LossWatch(2);
        assertNull(verdict(ruined, 1, 390, step -> step == 1 ? 2.96 : 6.24));
        assertEquals("6.240, above the 2.960 of the first step", ruined.rise());
        LossWatch resumed = new LossWatch(2);
        resumed.restore(new ObjectMapper().valueToTree(ruined.tree()));
        assertEquals(ruined.rise(), resumed.rise());

        LossWatch learning = new LossWatch(2);
        verdict(learning, 1, 390, LossWatchTest::falling);
        assertNull(learning.rise());
        LossWatch few = new LossWatch(2);
        verdict(few, 1, 5, step -> step);
        assertNull(few.rise(), "five steps say nothing");
    }

    /** Above each of the three bounds at most: the level of the start, twice the best, half a nat above it. */
    @Test
    void whatStaysBelowOneOfTheBoundsIsNone() {
        LongToDoubleFunction fallen = step -> step <= 300 ? 3 - 2.5 * step / 300 : 1.6;
        assertNull(verdict(new LossWatch(2), 1, 1000, fallen), "the run began higher");
        assertNull(verdict(new LossWatch(2), 1, 1000, step -> step <= 100 ? 0.2 : 0.5), "by 0.3");
        assertNull(verdict(new LossWatch(2), 1, 1000, step -> step <= 100 ? 3 : 5.5), "not twice as high");
        assertNotNull(verdict(new LossWatch(2), 1, 1000, step -> step <= 100 ? 3 : 6.5));
    }

    /** The stretch before counts too, where a rise that is no fault yet fills the last one. */
    @Test
    void theLowestLevelIsThatOfTwoStretches() {
        LossWatch watch = new LossWatch(2);
        assertNotNull(verdict(watch, 1, 1000, step -> step <= 140 ? 0.6 - step / 2000.0 : step <= 160 ? 0.8 : 9));
        assertEquals(140, watch.wellUntil());
    }

    @Test
    void aRiseIsOneOfMoreThanHalfANat() {
        LossWatch little = new LossWatch(2);
        verdict(little, 1, 100, step -> step == 1 ? 3 : 3.3);
        assertNull(little.rise());
        LossWatch more = new LossWatch(2);
        verdict(more, 1, 100, step -> step == 1 ? 3 : 3.6);
        assertNotNull(more.rise());
    }
}
