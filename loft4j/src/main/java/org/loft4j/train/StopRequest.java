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

    /** The run has ended: the thread that trained is left as it was found, and who has it go on is not stopped again. */
    void end() {
        made.set(false);
        if (interrupted) {
            interrupted = false;
            Thread.currentThread().interrupt();
        }
    }
}
