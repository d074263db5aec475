package org.loft4j.model.deberta;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.NativeScope;

/** The buckets of distances in DeBERTa v3, which has 256 for 512 distances. */
class FarDistancesTest {
    private static final int LENGTH = 513;
    private static final DebertaConfig.Relative V3 = new DebertaConfig.Relative(true, true, true, true, 256, 512);

    /** By make_log_bucket_position of Transformers: ⌈127·log(distance/128)/log(511/128)⌉ + 128 beyond 128. */
    @ParameterizedTest
    @CsvSource({"0, 0", "127, 127", "128, 128", "129, 129", "170, 155", "198, 169", "241, 187", "303, 208", "400, 233"})
    void farDistancesShareBuckets(int distance, long bucket) {
        try (NativeScope scope = new NativeScope()) {
            long[] buckets = RelativeDistances.buckets(V3, LENGTH);
            assertEquals(bucket, buckets[LENGTH - 1 + distance]);
            assertEquals(-bucket, buckets[LENGTH - 1 - distance]);
        }
    }

    /** The last distance but one begins no bucket of its own. */
    @Test
    void bucketsGrowWithDistancesByOneAtMost() {
        try (NativeScope scope = new NativeScope()) {
            long[] buckets = RelativeDistances.buckets(V3, LENGTH);
            for (int i = 1; i < buckets.length; i++) {
                long step = buckets[i] - buckets[i - 1];
                assertEquals(Math.max(0, Math.min(1, step)), step, "distance " + (i - LENGTH + 1));
            }
            assertEquals(255, buckets[LENGTH - 1 + 511]);
        }
    }
}
