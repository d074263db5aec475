package org.loft4j.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Lets Ctrl-C, a polite kill and the end of the terminal end a run at its next step; a second Ctrl-C or kill ends the process at
 * once. Who sends a polite kill sends SIGKILL after a while, so that one has a deadline; a person at the keyboard decides for
 * himself. A terminal that ends is as a polite kill, but for this: the system and the shell both tell of it, so that it counts
 * once however often it comes. What the process was started to ignore, as with {@code nohup}, stays ignored.
 */
final class Interruption implements AutoCloseable {
    /** Exit status of a process that was interrupted. */
    static final int STATUS = 130;

    private static final String HANG_UP = "HUP";

    private static final List<String> SIGNALS = List.of("INT", "TERM", HANG_UP);

    /**
     * What becomes of a run that was politely killed and has not ended in time.
     *
     * @param seconds from the signal on; 0 for as long as it takes
     * @param last what is said before the process ends
     */
    record Deadline(int seconds, Runnable last) {
        static final Deadline NONE = new Deadline(0, () -> {});
    }

    /** Those that were there before, by signal; without those that cannot be had. */
    private final Map<Signal, SignalHandler> before = new LinkedHashMap<>();

    private final AtomicBoolean begun = new AtomicBoolean();
    private final AtomicBoolean asked = new AtomicBoolean();
    private volatile boolean closed;

    /** @param first what the first signal does, on a thread of its own */
    Interruption(Runnable first) {
        this(first, Deadline.NONE);
    }

    Interruption(Runnable first, Deadline deadline) {
        this(first, deadline, () -> {});
    }

    /** @param end what is done before the process is ended at once: nothing that may take long */
    Interruption(Runnable first, Deadline deadline, Runnable end) {
        SignalHandler handler = signal -> {
            if (!signal.getName().equals(HANG_UP) && asked.getAndSet(true)) {
                halt(end);
            }
            if (begun.getAndSet(true)) {
                return;
            }
            if (!signal.getName().equals("INT") && deadline.seconds() > 0) {
                start(deadline, end);
            }
            first.run();
        };
        for (String name : SIGNALS) {
            try {
                Signal signal = new Signal(name);
                before.put(signal, Signal.handle(signal, handler));
            } catch (IllegalArgumentException e) {
                // Windows has no HUP, and under -Xrs Java leaves all of them to the system
            }
        }
    }

    /** Whether someone has asked for the end. */
    boolean asked() {
        return begun.get();
    }

    private static void halt(Runnable end) {
        try {
            end.run();
        } finally {
            // not exit: a hook that waits for the step would make the wait endless
            Runtime.getRuntime().halt(STATUS);
        }
    }

    private void start(Deadline deadline, Runnable end) {
        Thread waiting = new Thread(
                () -> {
                    try {
                        Thread.sleep(1000L * deadline.seconds());
                    } catch (InterruptedException e) {
                        return;
                    }
                    if (!closed) {
                        deadline.last().run();
                        halt(end);
                    }
                },
                "loft-stop-deadline");
        waiting.setDaemon(true);
        waiting.start();
    }

    @Override
    public void close() {
        closed = true;
        before.forEach(Signal::handle);
    }
}
