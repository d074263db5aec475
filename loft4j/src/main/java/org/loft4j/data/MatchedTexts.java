package org.loft4j.data;

/**
 * Which texts of a batch belong together, row by row. A step compares those of all its batches.
 *
 * @param examples the example of each text; what belongs together has one
 * @param roles {@link MatchDataset#ANCHOR}, {@link MatchDataset#POSITIVE} or {@link MatchDataset#NEGATIVE}
 * @param texts a number for each text: two of the same tokens have the same one
 */
public record MatchedTexts(int[] examples, int[] roles, int[] texts) {}
