package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigInteger;
import java.util.Collections;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.loft4j.train.Reward;

class ExactRewardTest {
    @Test
    void aTextIsComparedAsText() {
        assertEquals(1, reward(" Paris", "Paris\n"));
        assertEquals(0, reward("Paris", "paris"));
        assertEquals(1, reward("12.50", "12.50"));
        assertEquals(0, reward("12.50", "12.5"));
        assertEquals(1, reward(true, "true"));
    }

    @Test
    void aNumberIsComparedAsNumber() {
        assertEquals(1, reward(12.5, "12.50"));
        assertEquals(1, reward(7.0, " 7"));
        assertEquals(1, reward(7L, "7.0"));
        assertEquals(1, reward(new BigInteger("12345678901234567890"), "12345678901234567890"));
        assertEquals(0, reward(12.5, "12.51"));
        assertEquals(0, reward(7L, "seven"));
        assertEquals(0, reward(7L, ""));
        assertEquals(0, reward(7L, "1e2147483648"));
        assertEquals(0, reward(7L, "1e999999999"));
        assertEquals(1, reward(Double.NaN, "NaN"));
        assertEquals(0, reward(Double.NaN, "7"));
    }

    @Test
    void nothingIsTheWordNull() {
        assertEquals(1, reward(null, "null"));
        assertEquals(0, reward(null, ""));
    }

    private static double reward(@Nullable Object said, String completion) {
        return new ExactReward("answer")
                .of(new Reward.Answer("", completion, Collections.singletonMap("answer", said)));
    }
}
