package org.loft4j.examples;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.loft4j.data.Batch;
import org.loft4j.data.Examples;

/** Data that is in no file: sequences that count upwards, made when a batch asks for them. */
final class OwnData implements Examples {
    private static final int LENGTH = 8;

    private final int count;
    private final int vocabulary;
    private final long seed;

    OwnData(int count, int vocabulary, long seed) {
        this.count = count;
        this.vocabulary = vocabulary;
        this.seed = seed;
    }

    @Override
    public int size() {
        return count;
    }

    @Override
    public int[] lengths() {
        int[] lengths = new int[count];
        Arrays.fill(lengths, LENGTH);
        return lengths;
    }

    /** A resumed run compares it with that of the run that was stopped. */
    @Override
    public String fingerprint() {
        return "counting to " + vocabulary + ", " + count + " from seed " + seed;
    }

    @Override
    public Batch batch(int[] indices, long padId) {
        long[] ids = new long[indices.length * LENGTH];
        for (int row = 0; row < indices.length; row++) {
            int start = new SplittableRandom(seed + indices[row]).nextInt(vocabulary);
            for (int t = 0; t < LENGTH; t++) {
                ids[row * LENGTH + t] = (start + t) % vocabulary;
            }
        }
        long[] mask = new long[ids.length];
        Arrays.fill(mask, 1);
        // the loss is taken on every token that has one before it
        return new Batch(indices.length, LENGTH, ids, mask, ids.clone(), ids.length, ids.length - indices.length);
    }

    @Override
    public Batch trainingBatch(int[] indices, long padId, long seed, long epoch) {
        return batch(indices, padId);
    }
}
