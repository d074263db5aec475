package org.loft4j.data;

import java.nio.IntBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Which texts of a batch belong together, row by row. A step compares those of all its batches.
 *
 * @param source that gives the examples their numbers: those of another one are other examples
 * @param examples the example of each text; what belongs together has one
 * @param roles {@link MatchDataset#ANCHOR}, {@link MatchDataset#POSITIVE} or {@link MatchDataset#NEGATIVE}
 * @param texts the tokens of each without a prompt: where they are equal it is the same text
 */
public record MatchedTexts(MatchDataset source, int[] examples, int[] roles, List<IntBuffer> texts)
        implements RowFacts {
    @Override
    public int count() {
        return roles.length;
    }

    @Override
    public MatchedTexts some(int from, int to) {
        return new MatchedTexts(
                source,
                Arrays.copyOfRange(examples, from, to),
                Arrays.copyOfRange(roles, from, to),
                texts.subList(from, to));
    }

    /** How many of them are anchors. */
    long anchors() {
        return Arrays.stream(roles).filter(role -> role == MatchDataset.ANCHOR).count();
    }
}
