package org.loft4j.data;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where rows come from, by what they say, of which 128 bits of a hash are kept: 32 to 48 bytes a row, however long it is. The hashes
 * must be evenly spread, as those of SHA-256 are.
 */
final class OriginsByHash {
    /** Each grows by itself, so that little is held twice at a time. */
    private static final int PARTS = 256;

    /** Bits of a place that are the number of a line or a row; those above say in which source it is. */
    private static final int NUMBER_BITS = 40;

    private final Part[] parts = Stream.generate(Part::new).limit(PARTS).toArray(Part[]::new);
    private final List<Origin> sources = new ArrayList<>();
    private final Map<Origin, Integer> indices = new HashMap<>();

    /** The first origin that was put for a hash; null where there is none. */
    @Nullable
    Origin get(byte[] hash) {
        ByteBuffer bits = ByteBuffer.wrap(hash);
        long high = bits.getLong();
        long place = part(high).get(high, bits.getLong());
        if (place < 0) {
            return null;
        }
        Origin source = sources.get((int) (place >>> NUMBER_BITS));
        return new Origin(source.source(), place & ((1L << NUMBER_BITS) - 1), source.unit());
    }

    void putIfAbsent(byte[] hash, Origin origin) {
        ByteBuffer bits = ByteBuffer.wrap(hash);
        long high = bits.getLong();
        int source = indices.computeIfAbsent(origin.whole(), whole -> {
            sources.add(whole);
            return sources.size() - 1;
        });
        part(high).putIfAbsent(high, bits.getLong(), (long) source << NUMBER_BITS | origin.number());
    }

    private Part part(long high) {
        return parts[(int) (high & (PARTS - 1))];
    }

    /** A table with open addressing. */
    private static final class Part {
        private static final int ENTRY = 3;

        // of each entry both halves of the hash, and the place + 1; that of a free one is 0
        private long[] entries = new long[8 * ENTRY];
        private int size;

        long get(long high, long low) {
            return entries[slot(high, low) + 2] - 1;
        }

        void putIfAbsent(long high, long low, long place) {
            int slot = slot(high, low);
            if (entries[slot + 2] != 0) {
                return;
            }
            set(slot, high, low, place + 1);
            size++;
            int capacity = entries.length / ENTRY;
            if (size > capacity / 4 * 3) {
                long[] all = entries;
                entries = new long[(capacity + capacity / 2) * ENTRY];
                for (int i = 0; i < all.length; i += ENTRY) {
                    if (all[i + 2] != 0) {
                        set(slot(all[i], all[i + 1]), all[i], all[i + 1], all[i + 2]);
                    }
                }
            }
        }

        private void set(int slot, long high, long low, long place) {
            entries[slot] = high;
            entries[slot + 1] = low;
            entries[slot + 2] = place;
        }

        /** Where an entry is, or would be. */
        private int slot(long high, long low) {
            int slot = (int) Long.remainderUnsigned(low, entries.length / ENTRY) * ENTRY;
            while (entries[slot + 2] != 0 && (entries[slot] != high || entries[slot + 1] != low)) {
                slot = (slot + ENTRY) % entries.length;
            }
            return slot;
        }
    }
}
