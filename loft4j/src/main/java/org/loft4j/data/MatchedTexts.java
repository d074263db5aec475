package org.loft4j.data;

import java.nio.IntBuffer;
import java.util.List;

/**
 * Which texts of a batch belong together, row by row. A step compares those of all its batches.
 *
 * @param source that gives the examples their numbers: those of another one are other examples
 * @param examples the example of each text; what belongs together has one
 * @param roles {@link MatchDataset#ANCHOR}, {@link MatchDataset#POSITIVE} or {@link MatchDataset#NEGATIVE}
 * @param texts the tokens of each without a prompt: where they are equal it is the same text
 */
public record MatchedTexts(MatchDataset source, int[] examples, int[] roles, List<IntBuffer> texts) {}
