package org.loft4j.nn;

/** What the logits of a model mean. */
public enum Task {
    /** Logits {@code (batch, seq, vocabulary)}: position t predicts token t + 1. */
    CAUSAL_LM,
    /** Logits {@code (batch, labels)} for each text. */
    SEQUENCE_CLASSIFICATION,
    /** Logits {@code (batch, seq, labels)}: one class for each token. */
    TOKEN_CLASSIFICATION,
    /** Logits {@code (batch, labels)} for each image. */
    IMAGE_CLASSIFICATION;

    /** Whether the logits are those of classes, so that a head has to be trained for them. */
    public boolean isClassification() {
        return this != CAUSAL_LM;
    }

    /** Whether there is one class for a whole example. */
    public boolean isOneLabelEach() {
        return this == SEQUENCE_CLASSIFICATION || this == IMAGE_CLASSIFICATION;
    }
}
