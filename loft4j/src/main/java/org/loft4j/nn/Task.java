package org.loft4j.nn;

/** What the logits of a model mean. */
public enum Task {
    /** Logits {@code (batch, seq, vocabulary)}: position t predicts token t + 1. */
    CAUSAL_LM,
    /** Logits {@code (batch, labels)}. */
    SEQUENCE_CLASSIFICATION
}
