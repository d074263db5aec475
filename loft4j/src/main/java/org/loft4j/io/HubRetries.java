package org.loft4j.io;

import java.io.InterruptedIOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;

/**
 * How often something is tried that failed for a reason that may pass.
 *
 * @param attempts in a row without progress
 * @param first wait after the first failure; each further one is twice as long
 * @param most longest wait, whatever the server asks for
 * @param silence after which a connection over which nothing arrives is given up
 */
public record HubRetries(int attempts, Duration first, Duration most, Duration silence) {
    /** Five attempts within about a quarter of a minute; a server may ask for a minute. */
    public static final HubRetries DEFAULT =
            new HubRetries(5, Duration.ofSeconds(1), Duration.ofSeconds(60), Duration.ofSeconds(30));

    public HubRetries {
        Checks.atLeast("attempts", attempts, 1);
    }

    /**
     * The wait after a failure.
     *
     * @param failures so far, from 1 on
     * @param asked what the server asked for; null if nothing
     */
    Duration after(int failures, @Nullable Duration asked) {
        Duration own = first.multipliedBy(1L << Math.min(failures - 1, 20));
        Duration wait = asked == null ? own : asked;
        return wait.compareTo(most) < 0 ? wait : most;
    }

    static void sleep(Duration wait) throws InterruptedIOException {
        try {
            Thread.sleep(wait.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting to try again");
        }
    }
}
