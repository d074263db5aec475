package org.loft4j.cli;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/** Lets Ctrl-C and a polite kill end a run at its next step; the second one ends the process at once. */
final class Interruption implements AutoCloseable {
    /** Exit status of a process that was interrupted. */
    static final int STATUS = 130;

    private static final List<String> SIGNALS = List.of("INT", "TERM");

    private final SignalHandler[] before = new SignalHandler[SIGNALS.size()];
    private final AtomicBoolean asked = new AtomicBoolean();

    /** @param first what the first signal does, on a thread of its own */
    Interruption(Runnable first) {
        SignalHandler handler = signal -> {
            if (asked.getAndSet(true)) {
                Runtime.getRuntime().halt(STATUS);
            }
            first.run();
        };
        for (int i = 0; i < before.length; i++) {
            before[i] = Signal.handle(new Signal(SIGNALS.get(i)), handler);
        }
    }

    @Override
    public void close() {
        for (int i = 0; i < before.length; i++) {
            Signal.handle(new Signal(SIGNALS.get(i)), before[i]);
        }
    }
}
