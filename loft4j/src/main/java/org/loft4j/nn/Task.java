package org.loft4j.nn;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;

/** What the logits of a model mean. */
public enum Task {
    /** Logits {@code (batch, seq, vocabulary)}: position t predicts token t + 1. */
    CAUSAL_LM,
    /** The same of what is written of a text that the model has read, {@code (batch, written, vocabulary)}. */
    SEQ2SEQ_LM,
    /** Logits {@code (batch, labels)} for each text: those of classes, or of labels of which it may have several, or of a single label the number itself. */
    SEQUENCE_CLASSIFICATION,
    /** Logits {@code (batch, seq, labels)}: one class for each token. */
    TOKEN_CLASSIFICATION,
    /** Logits {@code (batch, labels)} for each image: those of classes, or of labels of which it may have several. */
    IMAGE_CLASSIFICATION,
    /** In place of logits one vector {@code (batch, hidden)} for each text, by which texts are compared; there is no head. */
    SENTENCE_EMBEDDING;

    /** Reads a name such as {@code causal-lm} or {@code token_classification}, in any case. */
    public static Task parse(String field, String name) {
        for (Task task : values()) {
            if (task.word().equals(name.toLowerCase(Locale.ROOT).replace('_', '-'))) {
                return task;
            }
        }
        throw new ConfigException(field + " must be one of "
                + Arrays.stream(values()).map(Task::word).collect(Collectors.joining(", ")) + ", got " + name);
    }

    /** The name on the command line. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Whether the logits are those of classes, so that a head has to be trained for them. */
    public boolean isClassification() {
        return !writes() && this != SENTENCE_EMBEDDING;
    }

    /** Whether the logits are those of the next token, so that a text can be written. */
    public boolean writes() {
        return this == CAUSAL_LM || this == SEQ2SEQ_LM;
    }

    /** Whether logits are of a whole example: of classes of which it has one, or of labels of which it may have several. */
    public boolean isOneLabelEach() {
        return this == SEQUENCE_CLASSIFICATION || this == IMAGE_CLASSIFICATION;
    }
}
