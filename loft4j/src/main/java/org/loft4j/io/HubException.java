package org.loft4j.io;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A model that cannot be got from the Hugging Face hub or from its cache. The message names the model and says what to do. */
public final class HubException extends IOException {
    private static final long serialVersionUID = 1L;

    private enum Kind {
        UNKNOWN,
        UNREACHABLE,
        OTHER
    }

    private final Kind kind;

    HubException(HubName name, String fault) {
        this(name + ": " + fault, Kind.OTHER, null);
    }

    HubException(HubName name, String fault, @Nullable Throwable cause) {
        this(name + ": " + fault, Kind.OTHER, cause);
    }

    private HubException(String message, Kind kind, @Nullable Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    /** For a hub to which there is no connection. */
    static HubException unreachable(HubName name, String fault, Throwable cause) {
        return new HubException(name + ": " + fault, Kind.UNREACHABLE, cause);
    }

    /** For a name that the hub does not know, or shows to others only. */
    static HubException unknown(HubName name, String fault) {
        return new HubException(name + ": " + fault, Kind.UNKNOWN, null);
    }

    /** The same failure after what is to be said first. */
    HubException after(String first) {
        return new HubException(first + "; " + getMessage(), kind, this);
    }

    /** Whether there is no such model as far as the caller may know. */
    public boolean isUnknown() {
        return kind == Kind.UNKNOWN;
    }

    /** Whether there was no connection, so that the hub could not say anything. */
    boolean isUnreachable() {
        return kind == Kind.UNREACHABLE;
    }
}
