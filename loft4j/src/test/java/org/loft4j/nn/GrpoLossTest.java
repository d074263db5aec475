package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;

class GrpoLossTest {
    private static final GrpoLoss TWO = GrpoLoss.USUAL.withGenerations(2);

    @Test
    void advantagesAreWhatARewardHasAboveTheOthersOfItsPrompt() {
        double[] rewards = {1, 3, 0.1, 0.1, -2, 2};
        // deviations of two are their difference over √2
        double first = Math.sqrt(2) + 1e-4;
        double third = 4 / Math.sqrt(2) + 1e-4;
        assertArrayEquals(
                new double[] {-1 / first, 1 / first, 0, 0, -2 / third, 2 / third}, TWO.advantages(rewards), 1e-15);
        assertArrayEquals(
                new double[] {-1, 1, 0, 0, -2, 2},
                TWO.withScale(GrpoLoss.Scale.NONE).advantages(rewards),
                1e-15);
        // mean 0.7; squares 0.09, 5.29, 0.36, 0.36, 7.29, 1.69
        double all = Math.sqrt(15.08 / 5) + 1e-4;
        assertArrayEquals(
                new double[] {-1 / all, 1 / all, 0, 0, -2 / all, 2 / all},
                TWO.withScale(GrpoLoss.Scale.BATCH).advantages(rewards),
                1e-15);
    }

    /** A sum of tenths is none of tenths: what is equal still has no advantage. */
    @Test
    void equalRewardsSayNothing() {
        double[] equal = {0.1, 0.1, 0.1};
        assertArrayEquals(new double[3], GrpoLoss.USUAL.withGenerations(3).advantages(equal));
        assertEquals(0, GrpoLoss.deviation(equal));
    }

    @Test
    void theLossOfAStepIsThatOfRatiosOfOne() {
        double[] advantages = {1, -2};
        int[] tokens = {3, 5};
        assertEquals((-3 + 10) / 8.0, TWO.policyLoss(advantages, tokens), 1e-15);
        assertEquals((-1 + 2) / 2.0, TWO.withKind(GrpoLoss.Kind.GRPO).policyLoss(advantages, tokens), 1e-15);
        assertEquals(
                (-3 + 10) / 40.0,
                TWO.withKind(GrpoLoss.Kind.DR_GRPO).withMaxCompletionLength(20).policyLoss(advantages, tokens),
                1e-15);
    }

    @Test
    void whatCannotBeIsRefused() {
        assertTrue(
                assertThrows(
                                ConfigException.class,
                                () -> new GrpoLoss(GrpoLoss.Kind.DAPO, -1, 1, 0, TWO.scale(), TokenDraw.LIKELIEST))
                        .getMessage()
                        .matches(
                                "(?s)kl_beta .*\nnum_generations must be at least 2, got 1\nmax_completion_length .*\ntemperature must be above 0 where .*"));
        assertTrue(assertThrows(ConfigException.class, () -> new TokenDraw(1, 0, 0, 0))
                .getMessage()
                .startsWith("top_p must be above 0"));
        assertTrue(assertThrows(ConfigException.class, () -> new TokenDraw(-1, -1, 2, 2))
                .getMessage()
                .matches("(?s)temperature .*\ntop_k .*\ntop_p .*\nmin_p .*"));
        TokenDraw cold = new TokenDraw(1e-4, 0, 1, 0);
        assertTrue(assertThrows(ConfigException.class, () -> TWO.withDraw(cold))
                .getMessage()
                .startsWith("temperature must be at least 0.001 where"));
        assertEquals(
                "grpo_loss must be one of grpo, dr_grpo, dapo, got ppo",
                assertThrows(ConfigException.class, () -> GrpoLoss.Kind.parse("ppo"))
                        .getMessage());
        assertEquals(
                "scale_rewards must be one of group, batch, none, got all",
                assertThrows(ConfigException.class, () -> GrpoLoss.Scale.parse("all"))
                        .getMessage());
        assertThrows(ShapeException.class, () -> TWO.advantages(new double[3]));
    }
}
