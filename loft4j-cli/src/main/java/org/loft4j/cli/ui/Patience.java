package org.loft4j.cli.ui;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Lets go of a browser that takes nothing of what it is sent: the thread that writes is interrupted, which closes its connection. */
final class Patience implements AutoCloseable {
    private final Map<Thread, Long> begun = new ConcurrentHashMap<>();
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "loft-ui-patience");
        thread.setDaemon(true);
        return thread;
    });
    private final long nanos;

    /** What waits for a browser. */
    @FunctionalInterface
    interface Exchange {
        void run() throws IOException;
    }

    Patience(long millis) {
        nanos = TimeUnit.MILLISECONDS.toNanos(millis);
        long every = Math.max(1, millis / 10);
        clock.scheduleWithFixedDelay(this::look, every, every, TimeUnit.MILLISECONDS);
    }

    /** Runs what is to end soon. No interrupt of it comes after its end. */
    void during(Exchange exchange) throws IOException {
        begun.put(Thread.currentThread(), System.nanoTime());
        try {
            exchange.run();
        } finally {
            begun.remove(Thread.currentThread());
        }
    }

    private void look() {
        long now = System.nanoTime();
        for (Thread thread : begun.keySet()) {
            // not while its entry is taken out
            begun.computeIfPresent(thread, (waiting, since) -> {
                if (now - since < nanos) {
                    return since;
                }
                waiting.interrupt();
                return null;
            });
        }
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }
}
