package org.loft4j.io;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A model that cannot be got from the Hugging Face hub or from its cache. The message names the model and says what to do. */
public final class HubException extends IOException {
    private static final long serialVersionUID = 1L;

    private final boolean unknown;

    HubException(HubName name, String fault) {
        this(name + ": " + fault, false, null);
    }

    HubException(HubName name, String fault, @Nullable Throwable cause) {
        this(name + ": " + fault, false, cause);
    }

    private HubException(String message, boolean unknown, @Nullable Throwable cause) {
        super(message, cause);
        this.unknown = unknown;
    }

    /** For a name that the hub does not know, or shows to others only. */
    static HubException unknown(HubName name, String fault) {
        return new HubException(name + ": " + fault, true, null);
    }

    /** The same failure with a further hint. */
    HubException and(String hint) {
        return new HubException(getMessage() + "; " + hint, unknown, this);
    }

    /** Whether there is no such model as far as the caller may know. */
    public boolean isUnknown() {
        return unknown;
    }
}
