package org.loft4j.data;

/** Examples that are made of texts as tokens, one or several of each. */
public interface Tokenized extends Examples {
    /** All texts, one example after the other. */
    Dataset texts();
}
