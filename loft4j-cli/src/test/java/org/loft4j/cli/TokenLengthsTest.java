package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TokenLengthsTest {
    @Test
    void lengthsAreSummedUp() {
        TokenLengths lengths =
                TokenLengths.of(IntStream.rangeClosed(1, 100).boxed().collect(Collectors.toList()));
        assertEquals(1, lengths.min());
        assertEquals(50, lengths.quantile(0.5));
        assertEquals(95, lengths.quantile(0.95));
        assertEquals(100, lengths.max());
        assertEquals(5, lengths.binWidth());
        assertEquals("1 " + "█".repeat(20) + " 100", lengths.line());
        TokenLengths two = TokenLengths.of(List.of(7, 3, 3, 5));
        assertArrayEquals(new int[] {2, 0, 1, 0, 1}, two.histogram());
        assertEquals("3 █ ▄ ▄ 7", two.line());
        assertEquals("4 █ 4", TokenLengths.of(List.of(4)).line());
    }

    /** The shortest length that so many rows do not exceed. */
    @Test
    void atLeastTheShareOfTheRowsIsNotLonger() {
        TokenLengths five = TokenLengths.of(List.of(10, 20, 30, 40, 50));
        assertEquals(30, five.quantile(0.5));
        assertEquals(50, five.quantile(0.95));
        assertEquals(10, five.quantile(0));
        assertEquals(50, five.quantile(1));
        TokenLengths two = TokenLengths.of(List.of(1, 1, 1, 9));
        assertEquals(1, two.quantile(0.75));
        assertEquals(9, two.quantile(0.76));
    }
}
