package org.loft4j.cli;

import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/** Lets Ctrl-C end an answer in place of the conversation, while it is open; the second one ends the process at once. */
final class AnswerStop implements AutoCloseable {
    private static final Signal INTERRUPT = new Signal("INT");

    private final AtomicBoolean asked = new AtomicBoolean();
    private final @Nullable SignalHandler before;

    AnswerStop() {
        SignalHandler found = null;
        try {
            found = Signal.handle(INTERRUPT, signal -> {
                if (asked.getAndSet(true)) {
                    Runtime.getRuntime().halt(Interruption.STATUS);
                }
            });
        } catch (IllegalArgumentException e) {
            // under -Xrs Java leaves it to the system, and Ctrl-C ends the process
        }
        before = found;
    }

    /** @throws CancellationException if the answer is to end */
    void check() {
        if (asked.get()) {
            throw new CancellationException("the answer was stopped");
        }
    }

    @Override
    public void close() {
        if (before != null) {
            Signal.handle(INTERRUPT, before);
        }
    }
}
