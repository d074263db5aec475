package org.loft4j.train;

import java.util.concurrent.atomic.AtomicBoolean;

/** Whether a run is to end before its time: somebody asked for it, from any thread, or interrupted the one that trains. */
final class StopRequest {
    private final AtomicBoolean made = new AtomicBoolean();
    private boolean interrupted;

    /** May be called from any thread. */
    void make() {
        made.set(true);
    }

    boolean isMade() {
        takeInterrupt();
        return made.get();
    }

    /** On the thread that trains: for as long as it stays interrupted, a listener may take that for its own, and generate no text. */
    void takeInterrupt() {
        if (Thread.interrupted()) {
            interrupted = true;
            made.set(true);
        }
    }

    /** Leaves the thread that trained as it was found. */
    void giveInterruptBack() {
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
