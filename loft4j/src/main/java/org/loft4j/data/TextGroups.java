package org.loft4j.data;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Texts of which several that follow each other are one example.
 *
 * @param texts all of them
 * @param starts where each example begins among them, and the end
 */
record TextGroups(Dataset texts, int[] starts) {
    /** The number of examples. */
    int count() {
        return starts.length - 1;
    }

    /** The texts of some examples, one example after the other. */
    IntStream of(int... examples) {
        return Arrays.stream(examples).flatMap(example -> IntStream.range(starts[example], starts[example + 1]));
    }

    /** The number of texts of an example. */
    int size(int example) {
        return starts[example + 1] - starts[example];
    }

    /** Of each example the longest text. */
    int[] lengths() {
        return IntStream.range(0, count())
                .map(example -> of(example).map(texts::length).max().orElseThrow())
                .toArray();
    }

    /** How many texts so many examples have at most. */
    long largest(long examples) {
        int[] sizes = IntStream.range(0, count()).map(this::size).sorted().toArray();
        return Arrays.stream(sizes)
                .skip(Math.max(0, sizes.length - examples))
                .asLongStream()
                .sum();
    }
}
