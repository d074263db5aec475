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

    @Test
    void aWarmUpLongerThanTheRunIsRefused() {
        assertThrows(ConfigException.class, () -> new Schedule(Schedule.Kind.LINEAR, 11, 10));
    }

    @Test
    void aConstantRateRisesAsTheOneThatHuggingFaceNamesSo() {
        assertEquals(Schedule.Kind.CONSTANT, Schedule.Kind.parse("constant_with_warmup"));
        assertEquals(0.25, new Schedule(Schedule.Kind.CONSTANT, 4, 14).factor(0));
    }
}
