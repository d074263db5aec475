package org.loft4j.io;

import java.time.Duration;

/**
 * Is told how a download goes on, by the threads that download its files, one at a time: what a listener does here, all of them
 * wait for.
 */
public interface HubListener {
    /** Hears nothing. */
    HubListener NONE = new HubListener() {};

    /**
     * Files are about to be downloaded, several at once; a sharded model's shards come as a second part.
     *
     * @param files that differ in their content
     * @param bytes of all of them together that are still missing
     */
    default void onStart(HubName name, int files, long bytes) {}

    /**
     * Bytes of a file have arrived.
     *
     * @param have bytes of the file that are there now; falls back to 0 if the file has to be started over
     * @param size of the file in bytes; -1 if the server does not say
     */
    default void onBytes(String file, long have, long size) {}

    /** A file is complete and checked. */
    default void onFile(String file, long size) {}

    /** Something failed and is tried again. */
    default void onRetry(String what, String failure, Duration wait) {}

    /** Another process downloads the file; this one waits for it. */
    default void onWait(String file) {}

    /** A download ends before all is there, perhaps before anything was; an exception tells why. */
    default void onFailure(HubName name) {}

    /** All files are there. */
    default void onEnd(HubName name) {}
}
