package org.loft4j.infer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The columns of a batch: the prompts, aligned on the right, and what has come since. */
final class TokenColumns {
    private final long[][] ids;
    private final int[] padding;
    private int count;

    private TokenColumns(long[][] ids, int[] padding, int count) {
        this.ids = ids;
        this.padding = padding;
        this.count = count;
    }

    static TokenColumns of(List<long[]> prompts) {
        int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElse(0);
        long[][] ids = new long[prompts.size()][2 * longest];
        int[] padding = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            long[] prompt = prompts.get(i);
            padding[i] = longest - prompt.length;
            System.arraycopy(prompt, 0, ids[i], padding[i], prompt.length);
        }
        return new TokenColumns(ids, padding, longest);
    }

    /** The same with no more padding than the rows need. */
    TokenColumns unpadded() {
        List<long[]> some = new ArrayList<>();
        for (int i = 0; i < ids.length; i++) {
            some.add(Arrays.copyOfRange(ids[i], padding[i], count));
        }
        return of(some);
    }

    /** Some of the rows, in the same columns; one may be there several times. */
    TokenColumns only(int[] rows) {
        return new TokenColumns(
                Arrays.stream(rows).mapToObj(i -> ids[i].clone()).toArray(long[][]::new),
                Arrays.stream(rows).map(i -> padding[i]).toArray(),
                count);
    }

    int rows() {
        return ids.length;
    }

    int count() {
        return count;
    }

    void add(long[] column) {
        for (int i = 0; i < ids.length; i++) {
            ids[i] = count == ids[i].length ? Arrays.copyOf(ids[i], 2 * count) : ids[i];
            ids[i][count] = column[i];
        }
        count++;
    }

    /** The first ids of the first row. */
    long[] first(int some) {
        return Arrays.copyOf(ids[0], some);
    }

    /** The ids of all columns from one on, row by row. */
    long[] from(int first) {
        long[] some = new long[ids.length * (count - first)];
        for (int i = 0; i < ids.length; i++) {
            System.arraycopy(ids[i], first, some, i * (count - first), count - first);
        }
        return some;
    }

    /** 0 where a row is padded, else 1; null where none is. */
    long @Nullable [] mask() {
        if (Arrays.stream(padding).allMatch(columns -> columns == 0)) {
            return null;
        }
        long[] mask = new long[padding.length * count];
        Arrays.fill(mask, 1);
        for (int i = 0; i < padding.length; i++) {
            Arrays.fill(mask, i * count, i * count + padding[i], 0);
        }
        return mask;
    }
}
