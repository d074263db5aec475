package org.loft4j.data;

import java.util.Locale;

/** Which part of a conversation the loss is taken on. */
public enum LossOn {
    /** Every token that the template writes. */
    ALL,
    /** Every turn of the assistant. */
    ASSISTANT,
    /** The assistant's last turn. */
    LAST;

    /** Its name, as options and files spell it. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
