package org.loft4j.model.deberta;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class RelativeDistancesTest {
    /** Without buckets, with few, and more tokens than the table has distances. */
    @ParameterizedTest
    @CsvSource({"0, 5, 1", "0, 5, 9", "8, 66, 40", "0, 400, 300"})
    void aTokensRowsAreThoseOfItsDistancesToAll(long buckets, long maxDistance, int length) {
        var relative = new DebertaConfig.Relative(true, true, false, false, buckets, maxDistance);
        try (NativeScope scope = new NativeScope()) {
            RelativeDistances seen = RelativeDistances.of(relative, length, DeviceSpec.CPU);
            long[] rows = Tensors.toLongs(seen.rows());
            long[] bucket = RelativeDistances.buckets(relative, length);
            long span = relative.span();
            for (int i = 0; i < length; i++) {
                for (int j = 0; j < length; j++) {
                    long row = Math.max(0, Math.min(2 * span - 1, bucket[i - j + length - 1] + span));
                    assertEquals(row - seen.first(), rows[i * length + j], i + " sees " + j);
                }
            }
            assertEquals(0, Arrays.stream(rows).min().orElseThrow());
            assertEquals(seen.count() - 1, Arrays.stream(rows).max().orElseThrow());
            assertTrue(seen.count() <= Math.min(2 * span, 2L * length - 1), seen.count() + " rows");
        }
    }
}
