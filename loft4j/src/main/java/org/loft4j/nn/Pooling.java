package org.loft4j.nn;

import org.loft4j.ConfigException;

/** How a model makes one vector of a sequence, for its classification head or as what it gives. */
public enum Pooling {
    /**
     * Of a classifier what config.json says ({@code classifier_pooling}), else the pooler if the weights have one, else the mean. Of
     * sentence embeddings what the files of sentence-transformers say, else the mean of an encoder's states and a decoder's last.
     */
    AUTO,
    /** The first token's state through a linear layer and tanh, as BERT was pretrained. */
    POOLER,
    /** The first token's state as it is. */
    CLS,
    /** The mean of the states of all tokens that are not padding. */
    MEAN,
    /** The state of the last token that is not padding; of sentence embeddings alone. */
    LAST;

    /** Reads {@code auto}, {@code pooler}, {@code cls} or {@code mean}, in any case. */
    public static Pooling parse(String field, String name) {
        for (Pooling pooling : values()) {
            if (pooling.name().equalsIgnoreCase(name)) {
                return pooling;
            }
        }
        throw new ConfigException(field + " must be one of auto, pooler, cls, mean, last, got " + name);
    }
}
