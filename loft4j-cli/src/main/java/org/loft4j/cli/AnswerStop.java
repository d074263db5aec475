package org.loft4j.cli;

import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/** Lets Ctrl-C end an answer in place of the conversation, while it is open; the second one ends the process at once. */
final class AnswerStop implements AutoCloseable {
    private static final Signal INTERRUPT = new Signal("INT");

    private final AtomicBoolean asked = new AtomicBoolean();
    private final SignalHandler before;

    AnswerStop() {
        before = Signal.handle(INTERRUPT, signal -> {
            if (asked.getAndSet(true)) {
                Runtime.getRuntime().halt(Interruption.STATUS);
            }
        });
    }

    /** @throws CancellationException if the answer is to end */
    void check() {
        if (asked.get()) {
            throw new CancellationException("the answer was stopped");
        }
    }

    @Override
    public void close() {
        Signal.handle(INTERRUPT, before);
    }
}
