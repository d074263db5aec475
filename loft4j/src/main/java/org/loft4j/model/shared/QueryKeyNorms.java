package org.loft4j.model.shared;

/** What of queries and keys has a norm, before they are rotated. */
public enum QueryKeyNorms {
    NONE,
    /** Each head, all by one weight. */
    EACH_HEAD,
    /** Each head by a weight of its own, as Cohere has it: {@link org.loft4j.nn.HeadByHead}. */
    HEAD_BY_HEAD,
    /** All heads of a token as one vector, as OLMo 2 has it: {@link org.loft4j.nn.AcrossHeads}. */
    ALL_HEADS;

    /** That of the weight. */
    long[] shape(long heads, long headDim) {
        return switch (this) {
            case ALL_HEADS -> new long[] {heads * headDim};
            case HEAD_BY_HEAD -> new long[] {heads, headDim};
            default -> new long[] {headDim};
        };
    }
}
