package org.loft4j.infer;

import java.util.Arrays;

/**
 * The ids of a vocabulary by falling logit, of equal ones the lowest first. Only as many are sorted as are asked for: those
 * before the rest by selection (Hoare 1961, algorithm 65), which looks at each id a few times, however many there are.
 */
final class FallingLogits {
    /** Sorted at first; then eight times as many each time. */
    private static final int FIRST = 64;

    private static final int GROWTH = 8;

    /** A logit's place in the high half, that of its id in the low one, so that no two are alike. */
    private final long[] keys;

    private int sorted;

    FallingLogits(float[] logits) {
        keys = new long[logits.length];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = ((long) ordered(logits[i]) << 32) | i;
        }
    }

    int size() {
        return keys.length;
    }

    /** The id in a place, from 0. */
    int id(int place) {
        if (place >= sorted) {
            sort(Math.max(place + 1, (int) Math.min(keys.length, Math.max(FIRST, (long) GROWTH * sorted))));
        }
        return (int) keys[place];
    }

    /** How many there are in the first places and with the logit of the last of these. */
    int withEqual(int places) {
        sort(places);
        long last = keys[places - 1] >> 32;
        int end = places;
        for (int i = places; i < keys.length; i++) {
            if (keys[i] >> 32 == last) {
                swap(i, end++);
            }
        }
        Arrays.sort(keys, places, end);
        sorted = Math.max(sorted, end);
        return end;
    }

    private void sort(int places) {
        if (places > sorted) {
            select(places);
            Arrays.sort(keys, sorted, places);
            sorted = places;
        }
    }

    /** Brings the least keys into the first places, in any order behind those that are sorted. */
    private void select(int places) {
        int low = sorted;
        int high = keys.length - 1;
        while (low < high) {
            long pivot = median(keys[low], keys[(low + high) >>> 1], keys[high]);
            int i = low;
            int j = high;
            while (i <= j) {
                while (keys[i] < pivot) {
                    i++;
                }
                while (keys[j] > pivot) {
                    j--;
                }
                if (i <= j) {
                    swap(i++, j--);
                }
            }
            if (places - 1 <= j) {
                high = j;
            } else if (places - 1 >= i) {
                low = i;
            } else {
                return;
            }
        }
    }

    private static long median(long a, long b, long c) {
        return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
    }

    private void swap(int i, int j) {
        long key = keys[i];
        keys[i] = keys[j];
        keys[j] = key;
    }

    /** An int that grows as the logit falls. */
    private static int ordered(float logit) {
        int bits = Float.floatToIntBits(logit + 0f);
        return ~(bits < 0 ? bits ^ Integer.MAX_VALUE : bits);
    }
}
