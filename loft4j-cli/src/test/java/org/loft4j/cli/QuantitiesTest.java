package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ConfigException;

class QuantitiesTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0 bytes",
        "999, 999 bytes",
        "1000, 1.0 kB",
        "999949, 999.9 kB",
        "999950, 1.0 MB",
        "123456789, 123.5 MB",
        "999950000, 1.0 GB",
        "2000000000000, 2.0 TB",
        "5000000000000000, 5000.0 TB"
    })
    void bytesHaveTheUnitTheirRoundedNumberIsOf(long bytes, String text) {
        assertEquals(text, Quantities.bytes(bytes));
    }

    @ParameterizedTest
    @CsvSource({
        "512, 512",
        "512B, 512",
        "1kb, 1000",
        "1KiB, 1024",
        "1.5 MB, 1500000",
        "1.5MiB, 1572864",
        "5GB, 5000000000",
        "5gib, 5368709120",
        "2K, 2000",
        "2Ti, 2199023255552"
    })
    void sizesAreReadByTheirUnit(String text, long bytes) {
        assertEquals(bytes, Quantities.parseBytes("max_shard_size", text));
    }

    @Test
    void noSizeIsNoneOrOfAnotherUnit() {
        for (String text : new String[] {"0", "0.4", "-1", "5 PB", "GB", "1e9", "5 G B"}) {
            assertThrows(ConfigException.class, () -> Quantities.parseBytes("max_shard_size", text), text);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "-1, 0:00",
        "0.4, 0:00",
        "59.5, 1:00",
        "3599.4, 59:59",
        "3599.5, 1:00:00",
        "3600, 1:00:00",
        "90061, 25:01:01"
    })
    void durationsHaveHoursFromTheFirstOn(double seconds, String text) {
        assertEquals(text, Quantities.duration(seconds));
    }

    @ParameterizedTest
    @CsvSource({
        "0, 5, 0.00 %",
        "1, 0, 0.00 %",
        "1, 3, 33.3 %",
        "1, 10, 10.0 %",
        "1, 11, 9.09 %",
        "1, 10000, 0.01 %",
        "3, 1000000, 0.00030 %",
        "5, 5, 100.0 %"
    })
    void partsKeepTheirDigitsHoweverSmall(double part, double whole, String text) {
        assertEquals(text, Quantities.percent(part, whole));
    }
}
