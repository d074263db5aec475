package org.loft4j.cli.demo;

import java.io.IOException;

/** A model or data set of the demo that could not be fetched or read. The message says what to do about it. */
public final class AssetException extends IOException {
    private static final long serialVersionUID = 1L;

    public AssetException(String message) {
        super(message);
    }

    public AssetException(String message, Throwable cause) {
        super(message, cause);
    }
}
