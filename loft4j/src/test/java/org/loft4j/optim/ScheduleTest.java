package org.loft4j.optim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.loft4j.ConfigException;

class ScheduleTest {
    @Test
    void warmUpRisesLinearlyAndLinearDecayEndsNearZero() {
        Schedule schedule = new Schedule(Schedule.Kind.LINEAR, 4, 14);
        assertEquals(0.25, schedule.factor(0));
        assertEquals(1, schedule.factor(3));
        assertEquals(1, schedule.factor(4));
        assertEquals(0.5, schedule.factor(9));
        assertEquals(0.1, schedule.factor(13), 1e-15);
        assertEquals(0, schedule.factor(14));
    }

    @Test
    void cosineIsHalfWayInTheMiddleAndConstantStays() {
        assertEquals(0.5, new Schedule(Schedule.Kind.COSINE, 0, 10).factor(5), 1e-15);
        assertEquals(1, new Schedule(Schedule.Kind.COSINE, 0, 10).factor(0));
        assertEquals(1, new Schedule(Schedule.Kind.CONSTANT, 0, 10).factor(9));
    }

    /** The factors of Transformers' cosine_with_min_lr with min_lr_rate 0.1, warm-up 2, 10 steps, at steps 2, 4, 6, 8 and 10. */
    @Test
    void aFallingCourseEndsAtItsMinimum() {
        Schedule cosine = new Schedule(Schedule.Kind.COSINE_WITH_MIN_LR, 2, 10, 0.1);
        assertEquals(0.5, cosine.factor(0));
        double[] expected = {1, 0.868198051533946, 0.55, 0.23180194846605365, 0.1};
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], cosine.factor(2 + 2 * i), 1e-15);
        }
        assertEquals(0.2, new Schedule(Schedule.Kind.LINEAR, 0, 10, 0.2).factor(10), 1e-15);
        assertEquals(0.6, new Schedule(Schedule.Kind.LINEAR, 0, 10, 0.2).factor(5), 1e-15);
        assertEquals(1, new Schedule(Schedule.Kind.CONSTANT, 0, 10, 0.2).factor(9), 1e-15);
        assertThrows(ConfigException.class, () -> new Schedule(Schedule.Kind.LINEAR, 0, 10, 1));
    }

    @Test
    void aWarmUpLongerThanTheRunIsRefused() {
        assertThrows(ConfigException.class, () -> new Schedule(Schedule.Kind.LINEAR, 11, 10));
        assertEquals(1, new Schedule(Schedule.Kind.LINEAR, 10, 10).factor(9));
    }

    @Test
    void aConstantRateRisesAsTheOneThatHuggingFaceNamesSo() {
        assertEquals(Schedule.Kind.CONSTANT, Schedule.Kind.parse("constant_with_warmup"));
        assertEquals(0.25, new Schedule(Schedule.Kind.CONSTANT, 4, 14).factor(0));
    }
}
