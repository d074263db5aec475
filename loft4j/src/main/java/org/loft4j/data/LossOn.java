package org.loft4j.data;

/** Which part of a conversation the loss is taken on. */
public enum LossOn {
    /** Every token that the template writes. */
    ALL,
    /** Every turn of the assistant. */
    ASSISTANT,
    /** The assistant's last turn. */
    LAST
}
