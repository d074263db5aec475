package org.loft4j.io;

import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** The body of an answer that must keep coming: a connection over which nothing arrives for too long is cut. */
final class WatchedBody implements AutoCloseable {
    private final InputStream body;
    private final Duration silence;
    private final ScheduledExecutorService clock;
    private volatile long heard = System.nanoTime();
    private volatile boolean silent;

    WatchedBody(InputStream body, Duration silence) {
        this.body = body;
        this.silence = silence;
        this.clock = Executors.newSingleThreadScheduledExecutor(work -> {
            Thread thread = new Thread(work, "hub-download-watch");
            thread.setDaemon(true);
            return thread;
        });
        long period = Math.max(1, silence.toMillis() / 4);
        var unused = clock.scheduleWithFixedDelay(this::look, period, period, TimeUnit.MILLISECONDS);
    }

    private void look() {
        if (System.nanoTime() - heard > silence.toNanos()) {
            silent = true;
            try {
                body.close();
            } catch (IOException e) {
                // the read that waits for it fails either way
            }
        }
    }

    /** Reads what there is, at least one byte; -1 at the end. */
    int read(byte[] buffer) throws IOException {
        try {
            int count = body.read(buffer);
            heard = System.nanoTime();
            if (count < 0 && silent) {
                throw silence();
            }
            return count;
        } catch (HttpTimeoutException e) {
            throw e;
        } catch (IOException e) {
            throw silent ? silence() : e;
        }
    }

    private HttpTimeoutException silence() {
        return new HttpTimeoutException("nothing arrived for " + silence.toSeconds() + " s");
    }

    @Override
    public void close() throws IOException {
        clock.shutdownNow();
        body.close();
    }
}
