package org.loft4j.cli;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Lets Ctrl-C and a polite kill end a run at its next step; the second one ends the process at once. Who sends a polite kill
 * sends SIGKILL after a while, so that one has a deadline; a person at the keyboard decides for himself.
 */
final class Interruption implements AutoCloseable {
    /** Exit status of a process that was interrupted. */
    static final int STATUS = 130;

    private static final List<String> SIGNALS = List.of("INT", "TERM");

    /**
     * What becomes of a run that was politely killed and has not ended in time.
     *
     * @param seconds from the signal on; 0 for as long as it takes
     * @param last what is said before the process ends
     */
    record Deadline(int seconds, Runnable last) {
        static final Deadline NONE = new Deadline(0, () -> {});
    }

    private final SignalHandler[] before = new SignalHandler[SIGNALS.size()];
    private final AtomicBoolean asked = new AtomicBoolean();
    private volatile boolean closed;

    /** @param first what the first signal does, on a thread of its own */
    Interruption(Runnable first) {
        this(first, Deadline.NONE);
    }

    Interruption(Runnable first, Deadline deadline) {
        SignalHandler handler = signal -> {
            if (asked.getAndSet(true)) {
                Runtime.getRuntime().halt(STATUS);
            }
            if (signal.getName().equals("TERM") && deadline.seconds() > 0) {
                start(deadline);
            }
            first.run();
        };
        for (int i = 0; i < before.length; i++) {
            before[i] = Signal.handle(new Signal(SIGNALS.get(i)), handler);
        }
    }

    private void start(Deadline deadline) {
        Thread waiting = new Thread(
                () -> {
                    try {
                        Thread.sleep(1000L * deadline.seconds());
                    } catch (InterruptedException e) {
                        return;
                    }
                    if (!closed) {
                        deadline.last().run();
                        // not exit: a hook that waits for the step would make the wait endless
                        Runtime.getRuntime().halt(STATUS);
                    }
                },
                "loft-stop-deadline");
        waiting.setDaemon(true);
        waiting.start();
    }

    @Override
    public void close() {
        closed = true;
        for (int i = 0; i < before.length; i++) {
            Signal.handle(new Signal(SIGNALS.get(i)), before[i]);
        }
    }
}
