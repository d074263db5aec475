package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class OriginsByHashTest {
    private static byte[] hash(long high, long low) {
        return ByteBuffer.allocate(32).putLong(high).putLong(low).array();
    }

    @Test
    void theFirstOriginOfEachHashIsKept() {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("tests.seed=" + seed);
        Random random = new Random(seed);
        Map<ByteBuffer, Origin> expected = new HashMap<>();
        OriginsByHash origins = new OriginsByHash();
        for (int i = 0; i < 30_000; i++) {
            // few in each half, so that many are alike in one and not in the other, and all crowd into some parts
            byte[] hash = hash(random.nextInt(300) * 64L, random.nextInt(300));
            Origin origin = i % 3 == 0
                    ? new Origin("query", i + 1, Origin.Unit.ROW)
                    : new Origin(Path.of("rows" + i % 3), (1L << 39) + i);
            assertEquals(expected.get(ByteBuffer.wrap(hash)), origins.get(hash), "seed " + seed + ", row " + i);
            expected.putIfAbsent(ByteBuffer.wrap(hash), origin);
            origins.putIfAbsent(hash, origin);
        }
        expected.forEach((hash, origin) -> assertEquals(origin, origins.get(hash.array()), "seed " + seed));
        assertNull(origins.get(hash(1, 1)));
    }

    @Test
    void aRowOfAProgramHasAnOriginToo() {
        OriginsByHash origins = new OriginsByHash();
        assertNull(origins.get(hash(0, 0)));
        origins.putIfAbsent(hash(0, 0), Origin.MEMORY);
        assertEquals(Origin.MEMORY, origins.get(hash(0, 0)));
    }
}
